from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.test.utils import override_settings

from .world import World, make
from .writing import as_in_tests


@pytest.fixture(scope="package")
def kept_world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Committed once: each request is rolled back by itself."""
    with override_settings(**as_in_tests()), django_db_blocker.unblock():
        world = make()
        yield world
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture
def world(kept_world: World, db: None) -> World:
    return kept_world
