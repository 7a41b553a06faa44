from collections.abc import Iterable
from itertools import islice

from ..models import Product
from ..search import documents, get_backend

BATCH = 500


def reindex(products: Iterable[Product]) -> None:
    """Brings the search index in line with these products, best read with their category and brand."""
    rows = iter(products)
    while batch := list(islice(rows, BATCH)):
        get_backend().index(documents(batch))
