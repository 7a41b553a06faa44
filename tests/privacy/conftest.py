from checkout.tests.conftest import _provider_away, running_sandbox, sandbox, sound  # noqa: F401
