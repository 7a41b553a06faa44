import os
from collections.abc import Iterator

import pytest

from tests.stack import Stack, running


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The demo shop as `bin/run` starts it."""
    assert "DATABASE_URL" in os.environ, "run through bin/test, which starts the servers"
    with running(tmp_path_factory.mktemp("shop"), redis_database=10, arguments=()) as stack:
        yield stack


@pytest.fixture
def faults(shop: Stack) -> Iterator[Stack]:
    """The shop with a payment provider that the test may make misbehave; it behaves again afterwards."""
    yield shop
    shop.set_faults(webhooks="deliver")
