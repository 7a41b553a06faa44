"""Real threads against PostgreSQL: what is counted of reviews is right however they come."""

import time
from collections import Counter
from collections.abc import Callable

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.models import Product
from checkout.tests.factories import make_variant
from inventory.tests.factories import together
from reviews import operations
from reviews.errors import AlreadyReviewed
from reviews.models import Review
from reviews.operations import Opinion

from .factories import bought, review_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]
CROWD = 8


@pytest.fixture
def waiting() -> list[Review]:
    product = bought(UserFactory.create(), make_variant(stock=50))
    return [review_of(product, approved=False) for _ in range(CROWD)]


def approving(reviews: list[Review]) -> Callable[[int], object]:
    return lambda number: operations.approve(reviews[number], now=timezone.now()).state


def count_of(reviews: list[Review]) -> int:
    return Product.objects.get(pk=reviews[0].product_id).rating_count


def test_approvals_at_once_are_all_counted(waiting: list[Review]) -> None:
    together(CROWD, approving(waiting))
    assert count_of(waiting) == CROWD


def test_without_the_lock_on_the_product_some_are_lost(waiting: list[Review], monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: the same approvals, each counting before the others have committed."""
    counted = operations.set_rating

    def slowly(product: Product, **values: object) -> None:
        time.sleep(0.1)
        counted(product, **values)  # type: ignore[arg-type]

    monkeypatch.setattr(operations, "lock_rating", lambda product: None)
    monkeypatch.setattr(operations, "set_rating", slowly)
    together(CROWD, approving(waiting))
    assert count_of(waiting) < CROWD
    monkeypatch.undo()
    operations.reject(waiting[0], now=timezone.now())


def test_a_person_who_sends_twice_writes_once(customer: User) -> None:
    product = bought(customer)

    def write(number: int) -> str:
        try:
            return operations.write_review(product, Opinion(5), user=customer, now=timezone.now()).state
        except AlreadyReviewed as error:
            return error.code

    assert Counter(together(CROWD, write)) == {"pending": 1, "already_reviewed": CROWD - 1}
