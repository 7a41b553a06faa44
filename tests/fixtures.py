"""Fixtures of every app's tests; the root conftest loads them with `pytest_plugins`."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory, UserFactory
from catalog.tests.factories import CategoryFactory
from shop.redis import client


@pytest.fixture(autouse=True)
def full_buckets(request: pytest.FixtureRequest) -> None:
    """Every test with a database starts unthrottled: all of them come from one network address."""
    uses_servers = request.node.get_closest_marker("django_db") or "db" in request.fixturenames
    if uses_servers and (keys := list(client().scan_iter("rate:*"))):
        client().delete(*keys)


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any) -> None:
    """Pages must render without `collectstatic`, whose manifest production's storage demands."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}


@pytest.fixture
def api() -> ApiClient:
    """A program that has not signed in."""
    return ApiClient()


@pytest.fixture
def customer(db: None) -> User:
    return UserFactory.create()


@pytest.fixture
def customer_api(customer: User) -> ApiClient:
    return ApiClient.of(customer)


@pytest.fixture
def browser(customer: User) -> Client:
    """The customer's session."""
    client = Client()
    client.force_login(customer)
    return client


@pytest.fixture
def admin_browser(db: None) -> Client:
    client = Client()
    client.force_login(StaffFactory.create(is_superuser=True))
    return client


@pytest.fixture
def admin_api(db: None) -> ApiClient:
    """Staff who may do everything, in a shop with a category to put things into."""
    CategoryFactory.create(name="Kitchen")
    return ApiClient.of(StaffFactory.create(is_superuser=True))
