from dataclasses import replace
from datetime import datetime

import pytest
from django.utils import timezone

from accounts import operations as accounts
from accounts.errors import EraseRefused
from accounts.models import User
from catalog.models import Product
from reviews import operations
from reviews.models import Review
from reviews.operations import Opinion
from shop import privacy
from shop.errors import Unauthenticated

from .factories import review_of

pytestmark = pytest.mark.usefixtures("sound")


def test_a_copy_holds_ones_reviews_and_an_erasure_takes_them(customer: User, review: Review) -> None:
    part = next(part for part in privacy.parts() if part.name == "reviews")
    assert [row["reviewId"] for row in part.export(customer)] == [review.public_id]
    part.erase(customer, timezone.now())
    assert not Review.objects.exists()
    review.product.refresh_from_db()
    assert review.product.rating_count == 0


def test_one_written_while_the_account_was_erased_is_refused(customer: User, product: Product) -> None:
    accounts.erase_account(User.objects.get(pk=customer.pk), now=timezone.now())
    with pytest.raises(Unauthenticated):
        operations.write_review(product, Opinion(5), user=customer, now=timezone.now())


def test_an_erasure_that_would_miss_one_is_refused(
    customer: User, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was written when the reviews were erased already and the account was not locked yet."""

    def write(user: User, now: datetime) -> None:
        review_of(product, user, now=now)

    carts = privacy._registry["carts"]
    monkeypatch.setitem(privacy._registry, "carts", replace(carts, erase=write))
    with pytest.raises(EraseRefused, match="just written a review"):
        accounts.erase_account(customer, now=timezone.now())
    assert User.objects.get(pk=customer.pk).is_active
