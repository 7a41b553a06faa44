"""Search in PostgreSQL itself: full text for words, trigrams for misspelt ones. Right for shops that are not large."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import connection, transaction
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    Func,
    IntegerField,
    JSONField,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Substr

from inventory.models import AVAILABLE, StockItem
from shop.paging import behind

from ..models import REDUCED, Attribute, Brand, Category, Product, Variant
from .backend import MAX_TEXT, Document, FacetCounts, SearchPage, SearchRequest, words

MAX_WORDS = 16
# Beyond this nobody pages and nobody reads the number; counting on would let one request read the whole table.
MAX_COUNTED = 10_000
MAX_FACETS, MAX_VALUES = 12, 30
SORTS: Mapping[str, Sequence[str]] = {
    "relevance": ("-created_at", "-id"),
    "newest": ("-created_at", "-id"),
    "price_asc": ("price_minor", "id"),
    "price_desc": ("-price_minor", "-id"),
    "rating_desc": ("-rating_average", "-rating_count", "-id"),
    "name_asc": ("name", "id"),
    "name_desc": ("-name", "-id"),
}

# `simple` finds words as they are written, `english` their other forms.
INDEX = """
UPDATE catalog_product AS product SET search =
    setweight(to_tsvector('simple', unaccent(titles)), 'A') || setweight(to_tsvector('english', unaccent(titles)), 'A')
    || setweight(to_tsvector('simple', unaccent(labels)), 'B')
    || setweight(to_tsvector('english', unaccent(labels)), 'B')
    || setweight(to_tsvector('simple', unaccent(body)), 'D') || setweight(to_tsvector('english', unaccent(body)), 'D')
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS document (id, titles, labels, body)
WHERE product.id = document.id
"""

LEXEMES = """
SELECT word, plainto_tsquery('simple', unaccent(word))::text, plainto_tsquery('english', unaccent(word))::text
FROM unnest(%s::text[]) WITH ORDINALITY AS given (word, place) ORDER BY place
"""

SIMILAR_NAMES = """
SELECT name FROM (
    SELECT name FROM catalog_product WHERE is_active AND name %%> %(word)s
    UNION SELECT name FROM catalog_brand WHERE name %%> %(word)s
    UNION SELECT name FROM catalog_category WHERE name %%> %(word)s
) AS named ORDER BY word_similarity(%(word)s, name) DESC, name LIMIT 20
"""

# A variant's option goes before its product's attribute of the same code.
ATTRIBUTE_COUNTS = """
SELECT trait.key, trait.value, count(DISTINCT variant.product_id)
FROM catalog_variant AS variant JOIN catalog_product AS product ON product.id = variant.product_id
CROSS JOIN LATERAL jsonb_each_text(product.attributes || variant.options) AS trait
WHERE variant.id IN ({variants}) AND trait.key = ANY(%s)
GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Terms:
    """The text of a request as a tsquery; `exact` are the products with that very SKU."""

    expression: str = ""
    exact: Sequence[int] = ()


class PostgresBackend:
    def index(self, documents: Sequence[Document]) -> None:
        columns = zip(*((d.product_id, d.titles, d.labels, d.text) for d in documents), strict=True)
        if documents:
            with connection.cursor() as cursor:
                cursor.execute(INDEX, [list(column) for column in columns])

    def remove(self, ids: Sequence[int]) -> None:
        Product.objects.filter(pk__in=ids).update(search=None)

    def query(self, request: SearchRequest) -> SearchPage:
        """Every word must match; if nothing does, corrected words; if still nothing, any of them."""
        started = time.perf_counter()
        text = request.text[:MAX_TEXT]
        asked = words(text)[:MAX_WORDS]
        if text.strip() and not asked:
            return SearchPage(ids=(), total=0)
        page = self._page(request, Terms(all_of(lexemes(asked)), with_sku(text.strip())))
        if asked and not page.total:
            page = self._second_try(request, asked, page)
        return replace(page, took_ms=(time.perf_counter() - started) * 1000)

    def _second_try(self, request: SearchRequest, asked: Sequence[str], nothing: SearchPage) -> SearchPage:
        better = corrected(asked)
        if better != asked:
            page = self._page(request, Terms(all_of(lexemes(better))))
            if page.total:
                return replace(page, corrected=" ".join(better))
        if len(better) > 1:
            page = self._page(request, Terms(any_of(lexemes(better))))
            if page.total:
                return replace(page, relaxed=" ".join(better), corrected="" if better == asked else " ".join(better))
        return nothing

    def _page(self, request: SearchRequest, terms: Terms) -> SearchPage:
        found = matching(request, terms)
        total = found.order_by()[: MAX_COUNTED + 1].count()
        order = SORTS[request.sort]
        if request.after:
            found = behind(found, order, request.after)
        start = 0 if request.after else request.offset
        values = [] if request.by_rank else [name.lstrip("-") for name in order[:-1]]
        rows = ordered(found, request, terms).values_list("pk", *values)
        hits = list(rows[start : start + request.size + request.cursors])
        shown = hits[: request.size]
        return SearchPage(
            ids=[hit[0] for hit in shown],
            total=min(total, MAX_COUNTED),
            total_is_estimate=total > MAX_COUNTED,
            facets=facets(request, terms) if request.facets else (),
            last=shown[-1][1:] if shown else (),
            has_more=len(hits) > len(shown),
        )


# --- Words


def lexemes(asked: Sequence[str]) -> list[str]:
    """Each word as a piece of a tsquery that matches it or another form of it; the last also as a beginning.

    The pieces are PostgreSQL's own quoting of runs of letters and digits, so that no operator comes from outside.
    Words that say nothing ("the") are left out, unless there are no others.
    """
    if not asked:
        return []
    with connection.cursor() as cursor:
        cursor.execute(LEXEMES, [list(asked)])
        rows = cursor.fetchall()
    telling = [row for row in rows if row[2]] or rows
    pieces = []
    for place, (_, written, stem) in enumerate(telling, start=1):
        if place == len(telling) and written.endswith("'"):
            written += ":*"
        pieces.append(" | ".join(part for part in (written, stem) if part))
    return [f"({piece})" for piece in pieces if piece]


def all_of(pieces: Sequence[str]) -> str:
    return " & ".join(pieces)


def any_of(pieces: Sequence[str]) -> str:
    return " | ".join(pieces)


def corrected(asked: Sequence[str]) -> list[str]:
    """The words with those that occur nowhere replaced by the most similar one of a product, brand or category name."""
    better = []
    with transaction.atomic(), connection.cursor() as cursor:
        # The default of 0.6 misses a swapped pair of letters in a short word.
        cursor.execute("SELECT set_config('pg_trgm.word_similarity_threshold', '0.4', true)")
        for word in asked:
            if len(word) < 3 or word.isdigit() or occurs(word):
                better.append(word)
                continue
            cursor.execute(SIMILAR_NAMES, {"word": word})
            candidates = {candidate for (name,) in cursor.fetchall() for candidate in words(name)}
            better.append(next(iter(get_close_matches(word, sorted(candidates), n=1, cutoff=0.7)), word))
    return better


def occurs(word: str) -> bool:
    expression = all_of(lexemes([word]))
    return bool(expression) and Product.objects.published().filter(search=tsquery(expression)).exists()


def tsquery(expression: str) -> SearchQuery:
    return SearchQuery(expression, config="simple", search_type="raw")


# --- Conditions


class Traits(Func):
    """The attributes of a variant: its product's, overlaid by its own options."""

    template = "(%(expressions)s)"
    arg_joiner = " || "
    output_field = JSONField()


def matching(request: SearchRequest, terms: Terms, *, without: str = "") -> QuerySet[Product]:
    """The products that fulfil the request, but for the filter called `without` (`brand`, `attr.color`)."""
    found = Product.objects.published()
    if terms.expression:
        found = found.filter(Q(search=tsquery(terms.expression)) | Q(pk__in=terms.exact))
    if request.category:
        found = found.in_category(request.category)
    if request.brands and without != "brand":
        found = found.filter(brand__slug__in=request.brands)
    if request.price_min is not None:
        found = found.filter(price_minor__gte=request.price_min)
    if request.price_max is not None:
        found = found.filter(price_minor__lte=request.price_max)
    if request.rating_min is not None:
        found = found.filter(rating_average__gte=request.rating_min)
    if request.in_stock or request.on_sale or any(f"attr.{code}" != without for code in request.attributes):
        found = found.filter(Exists(variants(request, without=without).filter(product=OuterRef("pk"))))
    return found


def with_sku(text: str) -> list[int]:
    if not text:
        return []
    spellings = {text, text.upper(), text.lower()}
    return list(Variant.objects.filter(sku__in=spellings, is_active=True).values_list("product_id", flat=True))


def variants(request: SearchRequest, *, without: str = "") -> QuerySet[Variant]:
    """Variants on sale that have every chosen value, and units if that is asked: red AND 42 AND here is one variant."""
    found = Variant.objects.filter(is_active=True)
    traits = Traits(F("product__attributes"), F("options"))
    for place, (code, values) in enumerate(request.attributes.items()):
        if f"attr.{code}" != without:
            # Not a JSON key lookup: that takes a code of digits for a place in a list.
            value = Func(traits, Value(code), function="jsonb_extract_path_text", output_field=TextField())
            found = found.alias(**{f"trait_{place}": value}).filter(**{f"trait_{place}__in": list(values)})
    if request.on_sale:
        found = found.filter(REDUCED)
    if request.in_stock:
        found = found.filter(
            sku__in=StockItem.objects.annotate(units=AVAILABLE).filter(shortfall=0, units__gt=0).values("sku")
        )
    return found


def ordered(found: QuerySet[Product], request: SearchRequest, terms: Terms) -> QuerySet[Product]:
    if not (terms.expression and request.by_rank):
        return found.order_by(*SORTS[request.sort])
    first = Case(When(pk__in=terms.exact, then=0), default=1, output_field=IntegerField())
    return found.order_by(first, SearchRank(F("search"), tsquery(terms.expression)).desc(nulls_last=True), "-id")


# --- Facets


def facets(request: SearchRequest, terms: Terms) -> list[FacetCounts]:
    """Category, brand, sale and filterable attributes, each counted as if nothing were chosen in it."""
    found = [category_facet(request, matching(request, terms))]
    found.append(brand_facet(matching(request, terms, without="brand")))
    attributes = {attribute.code: attribute for attribute in Attribute.objects.filter(is_filterable=True)}
    counts = attribute_counts(request, terms, [code for code in attributes if code not in request.attributes])
    for code in request.attributes:
        if code in attributes:
            counts |= attribute_counts(request, terms, [code], without=f"attr.{code}")
    found += [attribute_facet(attributes[code], counts[code]) for code in attributes if code in counts]
    telling = [facet for facet in found if len(facet.values) > 1 or facet.code in chosen(request)]
    if reduced := matching(replace(request, on_sale=True), terms).order_by().count():
        telling.insert(0, FacetCounts("onSale", "Offers", [("true", "On sale", reduced)]))
    return telling[:MAX_FACETS]


def chosen(request: SearchRequest) -> set[str]:
    return {f"attr.{code}" for code in request.attributes} | ({"brand"} if request.brands else set())


def category_facet(request: SearchRequest, found: QuerySet[Product]) -> FacetCounts:
    """The level below the category that is shown."""
    length = Category.steplen * ((request.category.depth if request.category else 0) + 1)
    branch = Substr("category__path", 1, length)
    rows = found.order_by().annotate(branch=branch).values_list("branch").annotate(count=Count("pk"))
    counts = dict(rows)
    below = Category.objects.filter(path__in=list(counts), depth=length // Category.steplen).order_by("path")
    return FacetCounts("category", "Category", [(c.url_path, c.name, counts[c.path]) for c in below])


def brand_facet(found: QuerySet[Product]) -> FacetCounts:
    rows = found.order_by().filter(brand__isnull=False).values_list("brand").annotate(count=Count("pk"))
    counts = dict(rows.order_by("-count")[:MAX_VALUES])
    brands = Brand.objects.filter(pk__in=list(counts)).order_by("name")
    return FacetCounts("brand", "Brand", [(brand.slug, brand.name, counts[brand.pk]) for brand in brands])


def attribute_counts(
    request: SearchRequest, terms: Terms, codes: Iterable[str], *, without: str = ""
) -> dict[str, list[tuple[str, int]]]:
    wanted = list(codes)
    if not wanted:
        return {}
    products = matching(request, terms, without=without).order_by().values("pk")
    eligible = variants(request, without=without).filter(product__in=products).order_by().values("pk")
    sql, parameters = eligible.query.sql_with_params()
    counts: dict[str, list[tuple[str, int]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(ATTRIBUTE_COUNTS.format(variants=sql), [*parameters, wanted])
        for code, value, count in cursor.fetchall():
            counts.setdefault(code, []).append((value, count))
    return counts


def attribute_facet(attribute: Attribute, counts: list[tuple[str, int]]) -> FacetCounts:
    """Choices in the order that staff gave them, numbers by size, other values by name; the most frequent are kept."""
    most = sorted(counts, key=lambda pair: -pair[1])[:MAX_VALUES]
    order: dict[Any, int] = {choice["value"]: place for place, choice in enumerate(attribute.choices)}

    def place(pair: tuple[str, int]) -> tuple[int, float, str]:
        return order.get(pair[0], len(order)), _size(pair[0]), pair[0].casefold()

    unit = f" {attribute.unit}" if attribute.unit else ""
    values = [(value, f"{value}{unit}", count) for value, count in sorted(most, key=place)]
    return FacetCounts(f"attr.{attribute.code}", attribute.name, values)


def _size(value: str) -> float:
    number = value.split(" ")[0].replace(",", ".")
    return float(number) if number.replace(".", "", 1).isdecimal() else 0.0
