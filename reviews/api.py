from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router

from accounts.models import User
from accounts.queries import find_user
from catalog.queries import product_with
from shop import idempotency, rate_limits
from shop.api import IDEMPOTENT, Envelope, Failure, PagedEnvelope, signed_in
from shop.paging import CursorQuery, paginate
from shop.responses import json_response

from . import operations, queries
from .schemas import (
    DeletedAnswer,
    ReportedAnswer,
    ReviewAnswer,
    ReviewBody,
    ReviewQuery,
    ReviewsEnvelope,
    SummaryAnswer,
)

router = Router(tags=["Reviews"])
ReviewEnvelope = Envelope[ReviewAnswer]
OwnReviews = PagedEnvelope[ReviewAnswer]
DeletedEnvelope = Envelope[DeletedAnswer]
ReportedEnvelope = Envelope[ReportedAnswer]
REFUSED = {400: Failure, 401: Failure, 404: Failure, 429: Failure}


@router.get(
    "/products/{product_id}/reviews", response={200: ReviewsEnvelope, 400: Failure, 404: Failure}, by_alias=True
)
def list_reviews(request: HttpRequest, product_id: str, asked: Query[ReviewQuery]) -> ReviewsEnvelope:
    """What buyers wrote of a product, published ones alone."""
    product = product_with(product_id, user=request.user)
    counts = queries.histogram(product)
    page = queries.page_of(
        queries.shown(product).select_related("product"),
        counts=counts,
        rating=asked.rating,
        sort=asked.sort_by,
        limit=asked.limit,
        offset=asked.offset,
    )
    data = [ReviewAnswer.of(review) for review in page]
    return ReviewsEnvelope(data=data, pagination=page.pagination, rating=SummaryAnswer.of(counts))


@router.post(
    "/products/{product_id}/reviews",
    auth=signed_in,
    response={201: ReviewEnvelope, **REFUSED, 403: Failure, 409: Failure, 422: Failure},
    by_alias=True,
    openapi_extra=IDEMPOTENT,
)
def write_review(request: HttpRequest, product_id: str, body: ReviewBody) -> HttpResponse:
    """For who has bought and received the product; once each. It is shown when staff have approved it."""
    user = limited(request)

    def write() -> HttpResponse:
        product = product_with(product_id, user=user)
        review = operations.write_review(product, body.opinion, user=user, now=timezone.now())
        return json_response(ReviewEnvelope(data=ReviewAnswer.of(review)), status=201)

    return idempotency.once(request, principal=user.public_id, action=write)


@router.put("/reviews/{review_id}", auth=signed_in, response={200: ReviewEnvelope, **REFUSED}, by_alias=True)
def change_review(request: HttpRequest, review_id: str, body: ReviewBody) -> ReviewEnvelope:
    """Replaces one's own review; other words are approved anew."""
    review = queries.get_own(review_id, limited(request))
    return ReviewEnvelope(data=ReviewAnswer.of(operations.change_review(review, body.opinion, now=timezone.now())))


@router.delete("/reviews/{review_id}", auth=signed_in, response={200: DeletedEnvelope, **REFUSED}, by_alias=True)
def delete_review(request: HttpRequest, review_id: str) -> DeletedEnvelope:
    """Takes one's own review back for good."""
    operations.delete_review(queries.get_own(review_id, limited(request)))
    return DeletedEnvelope(data=DeletedAnswer(review_id=review_id))


@router.post("/reviews/{review_id}/report", auth=signed_in, response={200: ReportedEnvelope, **REFUSED}, by_alias=True)
def report_review(request: HttpRequest, review_id: str) -> ReportedEnvelope:
    """Asks staff to look at a published review again. A second time changes nothing."""
    user = limited(request)
    operations.report_review(queries.get_published(review_id), user=user, now=timezone.now())
    return ReportedEnvelope(data=ReportedAnswer(review_id=review_id, reported=True))


@router.get(
    "/users/{user_id}/reviews",
    auth=signed_in,
    response={200: OwnReviews, 400: Failure, 401: Failure, 404: Failure},
    by_alias=True,
)
def reviews_of_user(request: HttpRequest, user_id: str, page: Query[CursorQuery]) -> OwnReviews:
    """What a person wrote, in any state: one's own, or anybody's for staff who may see reviews."""
    person = find_user(user_id, asked_by=caller(request), permission="reviews.view_review")
    found = paginate(queries.reviews_of(person), limit=page.limit, offset=page.offset, cursor=page.cursor)
    return OwnReviews(data=[ReviewAnswer.of(review) for review in found], pagination=found.pagination)


def caller(request: HttpRequest) -> User:
    assert request.user.is_authenticated, "signed_in has let nobody else in"
    return request.user


def limited(request: HttpRequest) -> User:
    user = caller(request)
    rate_limits.check("review", user.public_id)
    return user
