"""What the shop asks of a search engine, whichever it is."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ..models import Category, Product, Variant

Sort = Literal["relevance", "price_asc", "price_desc", "name_asc", "name_desc", "rating_desc", "newest"]
MAX_TEXT = 200
# A tsvector holds 1 MB at most; what comes after this is not searched.
MAX_FIELD = 20_000


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """Prices in minor units. `brands` are slugs; `attributes` values by code: any of them, for every code.

    `offset` rows were passed. Where `after` is given, the sort's values and the id of the last of them, the engine
    begins behind it instead of skipping. `cursors`: whether the next page's place is asked for.
    """

    text: str = ""
    category: Category | None = None
    brands: Sequence[str] = ()
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    price_min: int | None = None
    price_max: int | None = None
    rating_min: int | None = None
    in_stock: bool = False
    on_sale: bool = False
    sort: Sort = "relevance"
    offset: int = 0
    size: int = 24
    facets: bool = False
    after: Sequence[Any] = ()
    cursors: bool = False

    @property
    def by_rank(self) -> bool:
        """In the order of how well they match: a place in it has no value to begin behind."""
        return self.sort == "relevance" and bool(self.text.strip())

    @property
    def order(self) -> str:
        return "rank" if self.by_rank else self.sort


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """Products for each value, as if nothing were chosen in this facet: (value, label, count)."""

    code: str
    name: str
    values: Sequence[tuple[str, str, int]]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """`corrected`: the text that was searched instead. `relaxed`: the text of which only some words matched.

    `last`: the sort's values of the last hit, `has_more`: whether others follow it; both only for `cursors`.
    """

    ids: Sequence[int]
    total: int
    total_is_estimate: bool = False
    facets: Sequence[FacetCounts] = ()
    corrected: str = ""
    relaxed: str = ""
    took_ms: float = 0
    last: Sequence[Any] = ()
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """One product as words: `titles` weigh most, then `labels`, then `text`."""

    product_id: int
    titles: str
    labels: str
    text: str


class SearchBackend(Protocol):
    def index(self, documents: Sequence[Document]) -> None: ...

    def remove(self, ids: Sequence[int]) -> None: ...

    def query(self, request: SearchRequest) -> SearchPage: ...


def words(text: str) -> list[str]:
    """Runs of letters and runs of digits, so that `WH-001`, `wh001`, `330ml` and `330 ml` read alike everywhere."""
    return re.findall(r"[^\W\d_]+|\d+", unicodedata.normalize("NFKC", text).casefold())


def documents(products: Sequence[Product]) -> list[Document]:
    """Reads what the products say of themselves in two queries, whatever their number."""
    variants = defaultdict(list)
    for variant in Variant.objects.filter(product__in=products, is_active=True).order_by("position", "id"):
        variants[variant.product_id].append(variant)
    paths = {path for product in products for path in _lineage(product.category)}
    names = dict(Category.objects.filter(path__in=paths).values_list("path", "name"))
    return [_document(product, variants[product.pk], names) for product in products]


def _lineage(category: Category) -> list[str]:
    step = Category.steplen
    return [category.path[:end] for end in range(step, len(category.path) + 1, step)]


def _document(product: Product, variants: Sequence[Variant], names: Mapping[str, str]) -> Document:
    titles = [product.name, product.brand.name if product.brand else ""]
    labels = [names.get(path, "") for path in _lineage(product.category)]
    labels += [str(value) for value in product.attributes.values()]
    for variant in variants:
        titles += [variant.sku, variant.barcode]
        labels += [str(value) for value in variant.options.values()]
    return Document(product.pk, _normal(titles), _normal(labels), _normal([product.description]))


def _normal(texts: Sequence[str]) -> str:
    return " ".join(words(" ".join(texts)))[:MAX_FIELD]
