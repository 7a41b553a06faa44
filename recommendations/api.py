from typing import Annotated

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from accounts.queries import find_user
from catalog.models import Product
from catalog.queries import category_at, product_with
from catalog.schemas import ProductAnswer, product_answers
from shop.api import Envelope, Failure, signed_in

from . import queries
from .schemas import BesideAnswer

router = Router(tags=["Recommendations"])
BesideEnvelope = Envelope[BesideAnswer]
ProductsEnvelope = Envelope[list[ProductAnswer]]
MAX_GIVEN = 50


class CountQuery(Schema):
    limit: int = Field(8, ge=1, le=24)


class PopularQuery(CountQuery):
    category: str = Field("", max_length=500, description="An id or slug path: only of it and below it.")


class TogetherQuery(CountQuery):
    product_id: Annotated[list[str], Field(alias="productId", min_length=1, max_length=MAX_GIVEN)]


@router.get(
    "/products/{product_id}/recommendations",
    response={200: BesideEnvelope, 400: Failure, 404: Failure},
    by_alias=True,
)
def beside_product(request: HttpRequest, product_id: str, asked: Query[CountQuery]) -> BesideEnvelope:
    """What is bought together with a product, and what is like it; at most `limit` of each."""
    product = product_with(product_id, user=request.user)
    rows = queries.products_in_rows(queries.beside(product, count=asked.limit))
    every = {answer.product_id: answer for answer in product_answers(list({*rows["together"], *rows["similar"]}))}
    together, similar = ([every[row.public_id] for row in rows[name]] for name in ("together", "similar"))
    return BesideEnvelope(data=BesideAnswer(bought_together=together, similar=similar))


@router.get("/recommendations/together", response={200: ProductsEnvelope, 400: Failure}, by_alias=True)
def bought_together(request: HttpRequest, asked: Query[TogetherQuery]) -> ProductsEnvelope:
    """What is bought together with several products, as what lies in a bag: `productId=a&productId=b`."""
    known = Product.objects.published().filter(public_id__in=asked.product_id).values_list("pk", flat=True)
    return answer(queries.bought_together(sorted(known), asked.limit))


@router.get("/recommendations/popular", response={200: ProductsEnvelope, 400: Failure, 404: Failure}, by_alias=True)
def popular(request: HttpRequest, asked: Query[PopularQuery]) -> ProductsEnvelope:
    """What is bought most of late."""
    category = category_at(asked.category) if asked.category else None
    return answer(queries.popular(asked.limit, category=category))


@router.get(
    "/users/{user_id}/recommendations",
    auth=signed_in,
    response={200: ProductsEnvelope, 400: Failure, 401: Failure, 404: Failure},
    by_alias=True,
)
def for_user(request: HttpRequest, user_id: str, asked: Query[CountQuery]) -> ProductsEnvelope:
    """What a person may like by what they bought, else what is popular: one's own, or anybody's for staff."""
    assert request.user.is_authenticated, "signed_in has let nobody else in"
    person = find_user(user_id, asked_by=request.user, permission="accounts.view_user")
    return answer(queries.for_shopper(person, asked.limit, now=timezone.now()))


def answer(ids: list[int]) -> ProductsEnvelope:
    return ProductsEnvelope(data=product_answers(queries.products_in_rows({"row": ids})["row"]))
