"""Finding products. An index, never the truth: price, stock and what may be bought are read when hits are shown."""

from functools import cache

from .backend import Document, FacetCounts, SearchBackend, SearchPage, SearchRequest, Sort, documents
from .postgres import PostgresBackend

__all__ = [
    "Document",
    "FacetCounts",
    "SearchBackend",
    "SearchPage",
    "SearchRequest",
    "Sort",
    "documents",
    "get_backend",
]


@cache
def get_backend() -> SearchBackend:
    return PostgresBackend()
