from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command

from payments.tests.conftest import running_sandbox, sandbox  # noqa: F401
from payments.tests.sandbox import SECRET
from shop.redis import client

from .world import World, make_world


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    """Each client makes its own middlewares, and WhiteNoise would read every static file for each of them."""
    settings.WHITENOISE_USE_FINDERS = False


@pytest.fixture(scope="module")
def _kept_world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Committed once for the module. Orders can't be placed inside a test's transaction: their payment refuses to."""
    with django_db_blocker.unblock():
        client().delete("", *client().scan_iter("rate:*"))
        world = make_world()
    yield world
    with django_db_blocker.unblock():
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture
def world(_kept_world: World, db: None) -> World:
    """What the test changes is rolled back."""
    return _kept_world


@pytest.fixture
def own_world(transactional_db: None, settings: Any) -> World:
    """For tests that place orders: marked `django_db(transaction=True)`."""
    settings.STRIPE_SECRET_KEY = "sk_test_sandbox"
    settings.STRIPE_WEBHOOK_SECRET = SECRET
    return make_world()
