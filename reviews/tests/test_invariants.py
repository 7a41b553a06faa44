from decimal import Decimal

import pytest

from accounts.tests.factories import UserFactory
from catalog.models import Product
from reviews.invariants import INVARIANTS
from reviews.models import Review
from shop import invariants

pytestmark = pytest.mark.django_db


def findings() -> dict[str, invariants.Finding]:
    codes = {invariant.code for invariant in INVARIANTS}
    return {finding.invariant.code: finding for finding in invariants.verify() if finding.invariant.code in codes}


def test_they_hold_for_what_the_operations_write(review: Review) -> None:
    found = findings()
    assert set(found) == {"V1", "V2"}
    assert all(finding.examined == 1 and not finding.rows for finding in found.values())


def test_v1_finds_a_rating_that_no_review_gave(review: Review) -> None:
    Product.objects.update(rating_average=Decimal("4.02"))
    assert [row["rating_average"] for row in findings()["V1"].rows] == [Decimal("4.02")]


def test_v1_finds_a_wrong_number_of_reviews(review: Review) -> None:
    Product.objects.update(rating_count=2)
    assert [(row["rating_count"], row["reviews"]) for row in findings()["V1"].rows] == [(2, 1)]


def test_v2_finds_a_review_by_who_did_not_buy(review: Review) -> None:
    Review.objects.update(user=UserFactory.create())
    assert [row["public_id"] for row in findings()["V2"].rows] == [review.public_id]
