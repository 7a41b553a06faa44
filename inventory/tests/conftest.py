from collections.abc import Iterator

import pytest

from inventory.models import StockItem

from .factories import broken, stocked


@pytest.fixture
def sound(db: None) -> Iterator[None]:
    """What must always be true is true after the test."""
    yield
    assert broken() == {}


@pytest.fixture
def item(db: None) -> StockItem:
    return stocked("MUG", 10)
