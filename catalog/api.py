from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from shop import idempotency
from shop.api import CONDITIONAL, IDEMPOTENT, Envelope, Failure, PagedEnvelope, Staff
from shop.conditional import expected_versions
from shop.http import Request
from shop.paging import Page
from shop.responses import json_response

from . import operations, queries
from .filters import ProductListFilter, ProductSearchFilter, openapi_parameters
from .models import Category, Product
from .schemas import (
    FacetAnswer,
    ProductAnswer,
    ProductBody,
    ProductPut,
    SearchEnvelope,
    SuggestionsAnswer,
    SuggestQuery,
    WithdrawnAnswer,
    product_answers,
)
from .search import FacetCounts, SearchPage

router = Router(tags=["Products"])
ProductEnvelope = Envelope[ProductAnswer]
ProductsEnvelope = PagedEnvelope[ProductAnswer]
WithdrawnEnvelope = Envelope[WithdrawnAnswer]
LIST_PARAMETERS = {"parameters": openapi_parameters(ProductListFilter)}
SEARCH_PARAMETERS = {"parameters": openapi_parameters(ProductSearchFilter)}


# Literal paths stand before `{product_id}`, which would take them for ids.


@router.get("/products", response={200: ProductsEnvelope, 400: Failure}, by_alias=True, openapi_extra=LIST_PARAMETERS)
def list_products(request: HttpRequest) -> ProductsEnvelope:
    """Published products, the newest first. Filters within one parameter mean any of, across parameters all of."""
    page, _ = found(ProductListFilter(request.GET))
    return ProductsEnvelope(data=product_answers(page.items), pagination=page.pagination)


@router.get(
    "/products/search",
    response={200: SearchEnvelope, 400: Failure},
    by_alias=True,
    openapi_extra=SEARCH_PARAMETERS,
)
def search_products(request: HttpRequest) -> SearchEnvelope:
    """Products with every word of `q`, the best match first; failing that, with corrected words or some of them."""
    filters = ProductSearchFilter(request.GET)
    page, result = found(filters)
    return SearchEnvelope(
        data=product_answers(page.items),
        pagination=page.pagination,
        facets=[facet(counts) for counts in result.facets] if filters.values.get("facets") == "true" else None,
        did_you_mean=result.corrected or None,
        relaxed=bool(result.relaxed),
    )


@router.get("/products/suggest", response={200: Envelope[SuggestionsAnswer], 400: Failure}, by_alias=True)
def suggest_products(request: HttpRequest, asked: Query[SuggestQuery]) -> Envelope[SuggestionsAnswer]:
    """Products and categories for a search box, while somebody types: the last word counts as a beginning."""
    return Envelope(data=SuggestionsAnswer.of(queries.suggest(asked.q, limit=asked.limit)))


@router.get(
    "/products/category/{path:category_id}",
    response={200: ProductsEnvelope, 400: Failure, 404: Failure},
    by_alias=True,
    openapi_extra=LIST_PARAMETERS,
)
def list_category(request: HttpRequest, category_id: str) -> ProductsEnvelope:
    """Products of a category and everything below it. `category_id` is its id or its slug path: `table/mugs`."""
    page, _ = found(ProductListFilter(request.GET), category=queries.category_at(category_id))
    return ProductsEnvelope(data=product_answers(page.items), pagination=page.pagination)


@router.get("/products/{product_id}", response={200: ProductEnvelope, 404: Failure}, by_alias=True)
def get_product(request: Request, product_id: str) -> ProductEnvelope:
    """One product. Send its `ETag` back as `If-Match` to change what was read and nothing newer."""
    product = queries.product_with(product_id, user=request.user)
    request.version = product.version
    return ProductEnvelope(data=product_answers([product])[0])


@router.post(
    "/products",
    auth=Staff("catalog.add_product"),
    response={201: ProductEnvelope, 400: Failure, 401: Failure, 403: Failure, 409: Failure, 422: Failure},
    by_alias=True,
    openapi_extra=IDEMPOTENT,
)
def create_product(request: HttpRequest, body: ProductBody) -> HttpResponse:
    """Creates a product and receives its stock. With an `Idempotency-Key` the request may be repeated."""
    actor = caller(request)

    def create() -> HttpResponse:
        product = operations.create_product(body.draft(), actor=actor)
        return json_response(ProductEnvelope(data=answer(product)), status=201)

    return idempotency.once(request, principal=actor, action=create)


@router.put(
    "/products/{product_id}",
    auth=Staff("catalog.change_product"),
    response={200: ProductEnvelope, **dict.fromkeys((400, 401, 403, 404, 409, 412), Failure)},
    by_alias=True,
    openapi_extra=CONDITIONAL,
)
def replace_product(request: Request, product_id: str, body: ProductPut) -> ProductEnvelope:
    """Replaces what the body names. `stock` becomes what can be bought now, by an adjustment in the ledger."""
    product = queries.any_product_with(product_id)
    changes = body.changes(product, queries.stock_of(variant.sku for variant in product.active_variants))
    versions = expected_versions(request)
    product = operations.replace_product(product, changes, actor=caller(request), expected_versions=versions)
    return ProductEnvelope(data=answer(product))


@router.delete(
    "/products/{product_id}",
    auth=Staff("catalog.delete_product"),
    response={200: WithdrawnEnvelope, **dict.fromkeys((401, 403, 404, 412), Failure)},
    by_alias=True,
    openapi_extra=CONDITIONAL,
)
def withdraw_product(request: Request, product_id: str) -> WithdrawnEnvelope:
    """Takes the product out of the shop; orders keep it. A second time answers the same."""
    product = operations.withdraw_product(
        queries.any_product_with(product_id), actor=caller(request), expected_versions=expected_versions(request)
    )
    return WithdrawnEnvelope(data=WithdrawnAnswer(product_id=product.public_id, is_active=product.is_active))


def caller(request: HttpRequest) -> str:
    assert request.user.is_authenticated, "Staff has let nobody else in"
    return request.user.public_id


def found(filters: ProductListFilter, *, category: Category | None = None) -> tuple[Page[Product], SearchPage]:
    filters.refuse_invalid()
    return queries.search(filters.search_request(category=category, **filters.window()))


def answer(product: Product) -> ProductAnswer:
    return product_answers([Product.objects.with_details().get(pk=product.pk)])[0]


def facet(counts: FacetCounts) -> FacetAnswer:
    values: list[dict[str, Any]] = [{"value": v, "label": label, "count": n} for v, label, n in counts.values]
    return FacetAnswer.model_validate({"name": counts.name, "parameter": counts.code, "values": values})
