from checkout.tests.conftest import _provider_away, running_sandbox, sandbox, sound

__all__ = ["_provider_away", "running_sandbox", "sandbox", "sound"]
