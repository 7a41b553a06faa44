from collections.abc import Iterator
from typing import Any

import pytest

from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory
from catalog.tests.factories import CategoryFactory
from shop.redis import client


@pytest.fixture
def no_redis(settings: Any) -> Iterator[None]:
    """Nobody listens there, as while Redis is away."""
    client.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": settings.REDIS_URL}}
    yield
    client.cache_clear()


@pytest.fixture
def admin_api(db: None) -> ApiClient:
    """Staff who may do everything, in a shop with a category to put things into."""
    CategoryFactory.create(name="Kitchen")
    return ApiClient.of(StaffFactory.create(is_superuser=True))
