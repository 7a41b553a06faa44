"""Limit and offset as the specification has them: bounded, so that no address makes the database skip all its rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import QuerySet
from ninja import Schema
from pydantic import Field

from .api import Pagination

T = TypeVar("T")
DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET = 20, 100, 10_000


class PageQuery(Schema):
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    offset: int = Field(0, ge=0, le=MAX_OFFSET)


@dataclass(frozen=True)
class Page(Generic[T]):
    items: Sequence[T]
    limit: int
    offset: int
    total: int
    total_is_estimate: bool = False

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    @property
    def has_more(self) -> bool:
        return self.offset + len(self.items) < self.total

    @property
    def has_previous(self) -> bool:
        return self.offset > 0

    @property
    def number(self) -> int:
        return self.offset // self.limit + 1

    @property
    def count(self) -> int:
        return max(1, -(-self.total // self.limit))

    @property
    def pagination(self) -> Pagination:
        return Pagination(
            limit=self.limit,
            offset=self.offset,
            total=self.total,
            has_more=self.has_more,
            total_is_estimate=True if self.total_is_estimate else None,
        )


def paginate(rows: QuerySet[Any], *, limit: int, offset: int) -> Page[Any]:
    return Page(items=list(rows[offset : offset + limit]), limit=limit, offset=offset, total=rows.count())
