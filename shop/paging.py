"""Limit and offset as the specification has them, bounded, so that no address makes the database skip all its rows.

Beyond that bound a cursor leads on: it names the last row that was seen, and the database begins behind it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, NamedTuple, TypeVar

from django.conf import settings
from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.encoding import escape_uri_path
from ninja import Schema
from pydantic import Field

from .api import Pagination
from .errors import InvalidInput

T = TypeVar("T")
AnyModel = TypeVar("AnyModel", bound=Model)
DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET = 20, 100, 10_000
MAX_CURSOR = 1000


class PageQuery(Schema):
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    offset: int = Field(0, ge=0, le=MAX_OFFSET)


class CursorQuery(PageQuery):
    cursor: str = Field(
        "",
        max_length=MAX_CURSOR,
        description="`nextCursor` of the page before, to read on to any depth; then without `offset`.",
    )


@dataclass(frozen=True)
class Page(Generic[T]):
    """`next_cursor`: where to read on, empty at the end and where nobody asked for cursors."""

    items: Sequence[T]
    limit: int
    offset: int
    total: int
    total_is_estimate: bool = False
    next_cursor: str = ""

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    @property
    def has_more(self) -> bool:
        return bool(self.next_cursor) or self.offset + len(self.items) < self.total

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
            next_cursor=self.next_cursor or None,
        )


def paginate(rows: QuerySet[AnyModel], *, limit: int, offset: int, cursor: str | None = None) -> Page[AnyModel]:
    """A page of rows in their own order, which ends with the primary key. Errors: InvalidInput.

    With a cursor, "" for the first page, it tells the next one too; the rows then have a `public_id`.
    """
    total = rows.count()
    if cursor is None:
        return Page(items=list(rows[offset : offset + limit]), limit=limit, offset=offset, total=total)
    order = [str(name) for name in rows.query.order_by or rows.model._meta.ordering or ()]
    sort = f"{rows.model._meta.label_lower}:{','.join(order)}"
    start = offset
    if cursor:
        place = read_cursor(cursor, sort=sort, offset=offset)
        offset, start = place.passed, 0
        rows = behind(rows, order, [*place.values, row_id(rows, place.row)])
    found = list(rows[start : start + limit + 1])
    page = found[:limit]
    following = ""
    if len(found) > limit:
        last = page[-1]
        values = [getattr(last, name.lstrip("-")) for name in order[:-1]]
        following = write_cursor(Place(sort, offset + limit, values, last.public_id))  # type: ignore[attr-defined]
    return Page(items=page, limit=limit, offset=offset, total=total, next_cursor=following)


# --- Cursors


class Place(NamedTuple):
    """Behind `row`, a public id, whose values in the order `sort` are `values`; `passed` rows stand before."""

    sort: str
    passed: int
    values: Sequence[Any]
    row: str


def write_cursor(place: Place) -> str:
    """Signed, so that it can be read back without doubt; always the same for the same place, as an ETag must be."""
    values = [_plain(value) for value in place.values]
    return signing.Signer(salt="cursor").sign_object([place.sort, place.passed, values, place.row])


def read_cursor(text: str, *, sort: str, offset: int | None) -> Place:
    """The place of a cursor of a list in this order. InvalidInput for any other text."""
    if offset:
        raise InvalidInput(fields={"cursor": ["Send either a cursor or an offset."]})
    try:
        place = Place(*signing.Signer(salt="cursor").unsign_object(text))
    except (signing.BadSignature, ValueError, TypeError):
        raise not_a_cursor() from None
    if place.sort != sort:
        raise InvalidInput(
            fields={"cursor": ["This cursor belongs to another list or order. Begin at the first page."]}
        )
    return place


def row_id(rows: QuerySet[Any], public_id: str) -> int:
    """The private key of the row that a cursor names; it must still be there."""
    found: int | None = rows.model._base_manager.filter(public_id=public_id).values_list("pk", flat=True).first()
    if found is None:
        raise not_a_cursor()
    return found


def not_a_cursor() -> InvalidInput:
    return InvalidInput(fields={"cursor": ["Not a cursor of this list. Begin at the first page."]})


def behind(rows: QuerySet[AnyModel], order: Sequence[str], values: Sequence[Any]) -> QuerySet[AnyModel]:
    """The rows that follow those values in an order all of whose fields go the same way.

    The bound on the first field alone is for the planner: it makes an index scan begin there.
    """
    beyond = "lt" if order[0].startswith("-") else "gt"
    names = [name.lstrip("-") for name in order]
    following = Q()
    for place, name in enumerate(names):
        same = dict(zip(names[:place], values[:place], strict=True))
        following |= Q(**same, **{f"{name}__{beyond}": values[place]})
    return rows.filter(Q(**{f"{names[0]}__{beyond}e": values[0]}) & following)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


# --- Links


def link_header(request: HttpRequest, pagination: dict[str, Any]) -> str:
    """RFC 8288: the first, the previous and the next page of the answer to `request`, which keeps its filters."""
    limit, offset, cursor = pagination["limit"], pagination["offset"], pagination.get("nextCursor")
    places: dict[str, dict[str, Any]] = {"first": {}}
    if offset > 0 and max(0, offset - limit) <= MAX_OFFSET:
        places["prev"] = {"offset": max(0, offset - limit)}
    if pagination["hasMore"]:
        by_cursor = cursor and ("cursor" in request.GET or offset + limit > MAX_OFFSET)
        places["next"] = {"cursor": cursor} if by_cursor else {"offset": offset + limit}
    return ", ".join(f'<{_address(request, place)}>; rel="{rel}"' for rel, place in places.items())


def _address(request: HttpRequest, place: dict[str, Any]) -> str:
    parameters = request.GET.copy()
    for name in ("offset", "cursor"):
        parameters.pop(name, None)
    for name, value in place.items():
        parameters[name] = str(value)
    query = parameters.urlencode()
    address = f"{settings.SHOP_BASE_URL}{escape_uri_path(request.path)}"
    return f"{address}?{query}" if query else address
