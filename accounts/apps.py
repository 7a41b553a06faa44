from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in

from shop import invariants, privacy

from .invariants import INVARIANTS


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from . import checks  # noqa: F401
        from .handlers import remember_browser
        from .privacy import PART

        privacy.register(PART)
        invariants.register(*INVARIANTS)
        user_logged_in.connect(remember_browser)
