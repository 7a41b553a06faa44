import pytest

from accounts.models import User
from catalog.models import Product
from checkout.tests.conftest import _provider_away, sound  # noqa: F401
from reviews.models import Review

from .factories import bought, review_of


@pytest.fixture
def product(customer: User) -> Product:
    """What the customer has received."""
    return bought(customer)


@pytest.fixture
def review(customer: User, product: Product) -> Review:
    return review_of(product, customer)
