from collections.abc import Iterator
from typing import Any

import pytest

from payments.tests.conftest import running_sandbox, sandbox  # noqa: F401

from .books import broken

CLOSED_PORT = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _provider_away(settings: Any) -> None:
    """Stripe is set up and can't be reached, unless the test asks for the `sandbox`."""
    settings.STRIPE_SECRET_KEY = "sk_test_sandbox"
    settings.STRIPE_API_BASE = CLOSED_PORT


@pytest.fixture
def sound(db: None) -> Iterator[None]:
    """What must always be true is true after the test."""
    yield
    assert broken() == {}
