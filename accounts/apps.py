from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in

from shop import invariants

from .invariants import INVARIANTS


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from . import checks  # noqa: F401
        from .handlers import remember_browser

        invariants.register(*INVARIANTS)
        user_logged_in.connect(remember_browser)
