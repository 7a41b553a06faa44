from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.models import Product
from checkout.tests.factories import make_variant
from reviews import operations
from reviews.errors import AlreadyReviewed, NotBought, ReviewNotFound
from reviews.models import Review
from reviews.operations import Opinion
from shop.models import OutboxEvent

from .factories import bought, review_of

pytestmark = pytest.mark.usefixtures("sound")


def rating_of(product: Product) -> tuple[Decimal, int]:
    product.refresh_from_db()
    return product.rating_average, product.rating_count


def told() -> list[dict[str, Any]]:
    return [event.payload for event in OutboxEvent.objects.filter(topic="review.published")]


def test_a_buyers_review_waits_and_counts_once_approved(customer: User, product: Product) -> None:
    now = timezone.now()
    review = operations.write_review(product, Opinion(5, "Good"), user=customer, now=now)
    assert (review.state, rating_of(product), told()) == ("pending", (Decimal(0), 0), [])
    review = operations.approve(review, now=now)
    assert rating_of(product) == (Decimal(5), 1)
    operations.approve(review, now=now)
    assert told() == [{"review_id": review.public_id, "product_id": product.public_id, "rating": 5}]
    operations.reject(review, now=now)
    assert rating_of(product) == (Decimal(0), 0)


def test_without_moderation_it_is_shown_at_once(customer: User, product: Product, settings: Any) -> None:
    settings.SHOP_REVIEWS = "auto"
    review = operations.write_review(product, Opinion(2), user=customer, now=timezone.now())
    assert (review.state, rating_of(product)) == ("published", (Decimal(2), 1))
    assert len(told()) == 1


def test_the_average_is_of_all_that_are_published(product: Product, review: Review) -> None:
    for rating in (5, 5):
        review_of(product, rating=rating)
    review_of(product, rating=1, approved=False)
    assert rating_of(product) == (Decimal("4.67"), 3)
    operations.delete_review(review)
    assert rating_of(product) == (Decimal(5), 2)


@pytest.mark.parametrize("status", ["pending", "confirmed", "processing", "cancelled"])
def test_who_has_not_received_it_may_not_review(customer: User, status: str) -> None:
    product = bought(customer, status=status)
    with pytest.raises(NotBought):
        operations.write_review(product, Opinion(5), user=customer, now=timezone.now())


def test_who_bought_something_else_or_nothing_may_not_review(customer: User, product: Product) -> None:
    other = make_variant().product
    for user, what in ((customer, other), (UserFactory.create(), product)):
        with pytest.raises(NotBought):
            operations.write_review(what, Opinion(5), user=user, now=timezone.now())


def test_a_person_reviews_once(customer: User, product: Product, review: Review) -> None:
    with pytest.raises(AlreadyReviewed):
        operations.write_review(product, Opinion(1), user=customer, now=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        Review.objects.create(product=product, user=customer, order_line=review.order_line, rating=1)


def test_other_words_are_approved_anew_and_the_same_are_not(product: Product, review: Review) -> None:
    now = timezone.now() + timedelta(minutes=1)
    same = operations.change_review(review, Opinion(review.rating, review.title, review.text), now=now)
    assert same.is_published
    changed = operations.change_review(review, Opinion(1, "Broke"), now=now)
    assert (changed.state, rating_of(product)) == ("pending", (Decimal(0), 0))
    operations.approve(changed, now=now)
    assert rating_of(product) == (Decimal(1), 1)
    assert len(told()) == 2


def test_a_report_counts_once_for_each_person_and_approving_settles_it(review: Review) -> None:
    person, now = UserFactory.create(), timezone.now()
    for user in (person, person, UserFactory.create()):
        operations.report_review(review, user=user, now=now)
    assert review.reports.count() == 2
    assert operations.approve(review, now=now).reports.count() == 0


def test_forgetting_a_person_takes_their_reviews_out_of_the_count(customer: User, product: Product) -> None:
    review_of(product, customer, rating=1)
    other = review_of(product, rating=5)
    operations.report_review(other, user=customer, now=timezone.now())
    operations.forget_reviews(customer)
    assert rating_of(product) == (Decimal(5), 1)
    assert list(Review.objects.all()) == [other]
    assert not other.reports.exists()


@pytest.mark.parametrize(
    ("first", "last", "author"), [("Ada", "Byron", "Ada B."), ("Ada", "", "Ada"), ("", "Byron", "A buyer")]
)
def test_the_author_is_named_by_a_first_name(first: str, last: str, author: str) -> None:
    assert Review(user=User(first_name=first, last_name=last)).author == author


def test_what_its_author_has_deleted_meanwhile_is_gone(review: Review) -> None:
    """Staff have the list open, or the author a second window."""
    stale = Review.objects.get()
    operations.delete_review(review)
    with pytest.raises(ReviewNotFound):
        operations.approve(stale, now=timezone.now())
    with pytest.raises(ReviewNotFound):
        operations.change_review(stale, Opinion(1), now=timezone.now())
