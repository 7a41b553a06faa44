from django.apps import AppConfig

from shop import invariants

from .invariants import INVARIANTS


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        invariants.register(*INVARIANTS)
