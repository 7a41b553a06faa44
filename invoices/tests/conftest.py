from checkout.tests.conftest import _provider_away, sandbox, sound

__all__ = ["_provider_away", "sandbox", "sound"]
