from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.http import QueryDict
from django.shortcuts import get_object_or_404
from django.utils.http import urlencode

from shop.money import Money
from shop.paging import Page, Place, write_cursor

from ..filters import SORTS, ProductFilter, ProductPageFilter
from ..models import Attribute, Category, Product, ProductQuerySet
from ..search import FacetCounts, SearchPage, SearchRequest, get_backend
from .cards import Card, cards, swatch_of


@dataclass(frozen=True, slots=True)
class FacetValue:
    value: str
    label: str
    count: int
    selected: bool
    url: str
    swatch: str


@dataclass(frozen=True, slots=True)
class Facet:
    name: str
    parameter: str
    values: Sequence[FacetValue]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list page: cards, and everything needed to change what it shows by link or form."""

    page: Page[Card]
    facets: Sequence[Facet]
    chips: Sequence[tuple[str, str]]
    clear_url: str
    sort_options: Sequence[tuple[str, str, bool]]
    query: str
    corrected: str
    relaxed: str
    base_url: str
    form: Any


def search(request: SearchRequest) -> tuple[Page[Product], SearchPage]:
    """The products that a request finds, read `with_details()`, in the engine's order."""
    result = get_backend().query(request)
    found = Product.objects.published().with_details().in_bulk(list(result.ids))
    rows = [found[pk] for pk in result.ids if pk in found]
    following = _next_cursor(request, result) if result.has_more else ""
    page = Page(rows, limit=request.size, offset=request.offset, total=result.total, next_cursor=following)
    return replace(page, total_is_estimate=result.total_is_estimate), result


def _next_cursor(request: SearchRequest, result: SearchPage) -> str:
    last = Product.objects.values_list("public_id", flat=True).get(pk=result.ids[-1])
    return write_cursor(Place(request.order, request.offset + request.size, result.last, last))


def listing(parameters: QueryDict, *, category: Category | None = None, base_url: str) -> Listing:
    """A page of products for the parameters of its address; invalid ones are passed over and told by `form.errors`."""
    filters = ProductPageFilter(parameters)
    request = filters.search_request(category=category, **filters.window())
    products, result = search(request)
    links = Links(filters, base_url)
    # Levels below are links of their own beside the facets.
    counts = [facet for facet in result.facets if facet.code != "category"]
    attributes = _attributes(counts)
    return Listing(
        page=replace(products, items=cards(products.items)),  # type: ignore[arg-type]
        facets=[_facet(facet, request, attributes, links) for facet in counts],
        chips=list(_chips(request, counts, links, below=category)),
        clear_url=links.cleared(),
        sort_options=_sort_options(request),
        query=request.text,
        corrected=result.corrected,
        relaxed=result.relaxed,
        base_url=base_url,
        form=filters.form,
    )


def product_with(public_id: str, *, user: Any) -> Product:
    """The product as an answer needs it. Raises Http404 for an unknown one, and to shoppers for a withdrawn one."""
    return _with_id(Product.objects.visible_to(user), public_id)


def any_product_with(public_id: str) -> Product:
    """The same for those who may write products, withdrawn ones included. Raises Http404."""
    return _with_id(Product.objects.all(), public_id)


def _with_id(products: ProductQuerySet, public_id: str) -> Product:
    return get_object_or_404(products.with_details(), public_id=public_id)


def category_at(text: str) -> Category:
    """The category with this public id or slug path. Raises Http404."""
    by_id = text.startswith("cat_") and Category.objects.filter(public_id=text).first()
    return by_id or get_object_or_404(Category, url_path=text.strip("/"))


class Links:
    """Addresses of the same list with one thing changed. Page numbers fall away; keys keep a stable order."""

    def __init__(self, filters: ProductFilter, base_url: str) -> None:
        self.base_url = base_url
        # What could not be understood is not carried on; a brand's name and its slug are the same choice.
        understood = {name: filters.data.getlist(name) for name in filters.data if filters.values.get(name)}
        self.lists: dict[str, Sequence[str]] = understood | {"page": [], "brand": filters.brands}

    def without(self, name: str, value: str = "") -> str:
        left = [text for text in self.lists.get(name, []) if value and text.strip() != value]
        return self._address(self.lists | {name: left})

    def toggled(self, name: str, value: str) -> str:
        if value in self.lists.get(name, []):
            return self.without(name, value)
        return self._address(self.lists | {name: [*self.lists.get(name, []), value]})

    def cleared(self) -> str:
        return self._address({name: values for name, values in self.lists.items() if name in {"q", "sortBy"}})

    def _address(self, lists: Mapping[str, Sequence[str]]) -> str:
        kept = {name: lists[name] for name in sorted(lists) if lists[name]}
        return f"{self.base_url}?{urlencode(kept, doseq=True)}" if kept else self.base_url


def _attributes(counts: Sequence[FacetCounts]) -> dict[str, Attribute]:
    codes = [facet.code.removeprefix("attr.") for facet in counts if facet.code.startswith("attr.")]
    return {
        f"attr.{code}": attribute for code, attribute in Attribute.objects.in_bulk(codes, field_name="code").items()
    }


def _facet(counts: FacetCounts, request: SearchRequest, attributes: Mapping[str, Attribute], links: Links) -> Facet:
    attribute = attributes.get(counts.code)
    values = [
        FacetValue(
            value=value,
            label=label,
            count=count,
            selected=value in _chosen(request, counts.code),
            url=links.toggled(counts.code, value),
            swatch=swatch_of(attribute, value) if attribute else "",
        )
        for value, label, count in _with_chosen(counts, request)
    ]
    return Facet(counts.name, counts.code, values)


def _chosen(request: SearchRequest, parameter: str) -> Sequence[str]:
    if parameter == "brand":
        return request.brands
    if parameter == "onSale":
        return ("true",) if request.on_sale else ()
    return request.attributes.get(parameter.removeprefix("attr."), ())


def _with_chosen(counts: FacetCounts, request: SearchRequest) -> list[tuple[str, str, int]]:
    """A chosen value that nothing has any more stays in sight, or nobody could take it out."""
    present = {value for value, _, _ in counts.values}
    gone = [(value, value, 0) for value in _chosen(request, counts.code) if value not in present]
    return [*counts.values, *gone]


def _chips(
    request: SearchRequest, counts: Sequence[FacetCounts], links: Links, *, below: Category | None
) -> Iterator[tuple[str, str]]:
    labels = {(facet.code, value): label for facet in counts for value, label, _ in facet.values}
    if request.category and request.category != below:
        yield request.category.name, links.without("category")
    for slug in request.brands:
        yield labels.get(("brand", slug), slug), links.without("brand", slug)
    for code, values in request.attributes.items():
        for value in values:
            yield labels.get((f"attr.{code}", value), value), links.without(f"attr.{code}", value)
    if request.price_min is not None:
        yield f"From {_money(request.price_min)}", links.without("minPrice")
    if request.price_max is not None:
        yield f"To {_money(request.price_max)}", links.without("maxPrice")
    if request.rating_min is not None:
        stars = "5 stars" if request.rating_min == 5 else f"{request.rating_min} stars and up"
        yield stars.replace("1 stars", "1 star"), links.without("minRating")
    if request.in_stock:
        yield "In stock", links.without("inStock")
    if request.on_sale:
        yield "On sale", links.without("onSale")


def _money(minor: int) -> str:
    return str(Money(minor, settings.SHOP_CURRENCY))


def _sort_options(request: SearchRequest) -> list[tuple[str, str, bool]]:
    """Relevance means something only to words; without any, the newest come first."""
    current = "newest" if request.sort == "relevance" and not request.text else request.sort
    return [(value, label, value == current) for value, label in SORTS if request.text or value != "relevance"]
