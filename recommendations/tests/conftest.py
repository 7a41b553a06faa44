from checkout.tests.conftest import _provider_away, sound  # noqa: F401
