from collections.abc import Iterator
from typing import Any

import pytest

from shop.redis import client


@pytest.fixture
def no_redis(settings: Any) -> Iterator[None]:
    """Nobody listens there, as while Redis is away."""
    client.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": settings.REDIS_URL}}
    yield
    client.cache_clear()
