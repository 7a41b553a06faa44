from collections.abc import Iterator

import pytest

from catalog.models import Variant
from catalog.tests.factories import VariantFactory
from checkout.tests.books import broken


@pytest.fixture
def sound(db: None) -> Iterator[None]:
    """What must always be true is true after the test."""
    yield
    assert broken() == {}


@pytest.fixture
def mug(db: None) -> Variant:
    """Ten on the shelf, at 24.00."""
    return VariantFactory.create(sku="MUG", product__name="Mug")


@pytest.fixture
def bowl(db: None) -> Variant:
    return VariantFactory.create(sku="BOWL", product__name="Bowl", price_minor=1000)
