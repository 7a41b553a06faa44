"""Writes table.txt anew from what the shop answers now, in a database of its own."""

import logging

from django.conf import settings
from django.test.utils import get_runner, override_settings, setup_test_environment, teardown_test_environment

from . import table
from .asking import lines_of
from .routes import routes
from .world import make

PLAIN = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}


def write() -> None:
    # A refusal is what most requests are for.
    logging.disable(logging.WARNING)
    runner = get_runner(settings)(interactive=False, verbosity=0)
    setup_test_environment(debug=False)
    databases = runner.setup_databases()
    try:
        with override_settings(**as_in_tests()):
            world = make()
            table.write(line for route in routes() for line in lines_of(route, world))
    finally:
        runner.teardown_databases(databases)
        teardown_test_environment()


def as_in_tests() -> dict[str, object]:
    return {
        "STORAGES": settings.STORAGES | PLAIN,
        "WHITENOISE_USE_FINDERS": False,
        "SHOP_STAFF_MFA": False,
        "SHOP_DEV_PAGES": False,
        "SHOP_VERIFY_EMAIL": "optional",
    }
