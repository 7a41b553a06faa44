from collections.abc import Iterator
from typing import Any

import pytest

from checkout.tests.conftest import _provider_away, sound  # noqa: F401

from .receiver import Receiver, receiving


@pytest.fixture(autouse=True)
def _development(settings: Any) -> None:
    """Receivers of tests listen on this machine."""
    settings.SHOP_DEV_PAGES = True


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
