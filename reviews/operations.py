"""A review's life: written by a buyer, shown once approved, counted in its product's rating."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Avg, Count

from accounts.models import User
from accounts.operations import lock_account
from catalog.models import Product
from catalog.operations import lock_rating, set_rating
from shop import outbox

from .errors import AlreadyReviewed, NotBought, ReviewNotFound
from .models import Review, ReviewReport
from .queries import purchase_of

State = Review.State
HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True)
class Opinion:
    rating: int
    title: str = ""
    text: str = ""


@transaction.atomic
def write_review(product: Product, opinion: Opinion, *, user: User, now: datetime) -> Review:
    """Stores what a buyer thinks; it is shown at once only with `SHOP_REVIEWS=auto`.

    Raises NotBought for who has not received it and AlreadyReviewed the second time, Unauthenticated for whose account
    was erased meanwhile. Locks: the product, then the user.
    """
    purchase = purchase_of(product, user)
    if purchase is None:
        raise NotBought
    lock_rating(product)
    lock_account(user)
    if Review.objects.filter(product=product, user=user).exists():
        raise AlreadyReviewed
    review = Review(product=product, user=user, order_line=purchase, created_at=now)
    return _store(review, opinion, now=now)


@transaction.atomic
def change_review(review: Review, opinion: Opinion, *, now: datetime) -> Review:
    """Replaces what was said; other words are approved anew. The same again changes nothing. Locks: the product."""
    lock_rating(review.product)
    review = _fresh(review)
    if (review.rating, review.title, review.text) == (opinion.rating, opinion.title, opinion.text):
        return review
    return _store(review, opinion, now=now)


@transaction.atomic
def delete_review(review: Review) -> None:
    """Takes it back for good. Locks: the product."""
    lock_rating(review.product)
    Review.objects.filter(pk=review.pk).delete()
    _count(review.product)


@transaction.atomic
def approve(review: Review, *, now: datetime) -> Review:
    """Shows it, and tells `review.published`. What was reported of it is settled. Locks: the product."""
    review = _move(review, State.PUBLISHED, now=now)
    review.reports.all().delete()
    return review


@transaction.atomic
def reject(review: Review, *, now: datetime) -> Review:
    """Keeps or takes it out of sight; its author still sees it. Locks: the product."""
    return _move(review, State.REJECTED, now=now)


def report_review(review: Review, *, user: User, now: datetime) -> None:
    """Asks staff to look at it again; a person's second report changes nothing."""
    ReviewReport.objects.bulk_create([ReviewReport(review=review, user=user, created_at=now)], ignore_conflicts=True)


def reply(review: Review, text: str) -> Review:
    """Sets what the shop answers below it; an empty text takes the answer away."""
    review.staff_reply = text
    review.save(update_fields=["staff_reply"])
    return review


@transaction.atomic
def forget_reviews(user: User) -> None:
    """Deletes all that this person wrote and reported. Locks: the products, by their primary key."""
    ReviewReport.objects.filter(user=user).delete()
    for review in Review.objects.filter(user=user).select_related("product").order_by("product_id"):
        delete_review(review)


def _fresh(review: Review) -> Review:
    """As it is under the lock. Raises ReviewNotFound: its author may have deleted it meanwhile."""
    fresh = Review.objects.select_related("product", "user").filter(pk=review.pk).first()
    if fresh is None:
        raise ReviewNotFound
    return fresh


def _store(review: Review, opinion: Opinion, *, now: datetime) -> Review:
    review.rating, review.title, review.text = opinion.rating, opinion.title, opinion.text
    review.state = State.PUBLISHED if settings.SHOP_REVIEWS == "auto" else State.PENDING
    review.updated_at = now
    review.save()
    _count(review.product)
    if review.is_published:
        _tell(review)
    return review


def _move(review: Review, state: State, *, now: datetime) -> Review:
    lock_rating(review.product)
    review = _fresh(review)
    if review.state == state:
        return review
    review.state, review.updated_at = state, now
    review.save(update_fields=["state", "updated_at"])
    _count(review.product)
    if review.is_published:
        _tell(review)
    return review


def _count(product: Product) -> None:
    """Writes the product's rating from its published reviews, under the lock that every change of them takes."""
    sums = Review.objects.filter(product=product).published().aggregate(average=Avg("rating"), count=Count("pk"))
    average = Decimal(str(sums["average"] or 0)).quantize(HUNDREDTH)
    set_rating(product, average=average, count=sums["count"])


def _tell(review: Review) -> None:
    key = f"review.published:{review.public_id}:{review.updated_at.isoformat()}"
    outbox.publish(
        "review.published",
        key=key,
        payload={"review_id": review.public_id, "product_id": review.product.public_id, "rating": review.rating},
    )
