import pytest
from django.utils import timezone

from accounts.models import User
from reviews.models import Review
from shop import privacy

pytestmark = pytest.mark.usefixtures("sound")


def test_a_copy_holds_ones_reviews_and_an_erasure_takes_them(customer: User, review: Review) -> None:
    part = next(part for part in privacy.parts() if part.name == "reviews")
    assert [row["reviewId"] for row in part.export(customer)] == [review.public_id]
    part.erase(customer, timezone.now())
    assert not Review.objects.exists()
    review.product.refresh_from_db()
    assert review.product.rating_count == 0
