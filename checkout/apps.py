from django.apps import AppConfig

from shop import invariants

from .invariants import INVARIANTS


class CheckoutConfig(AppConfig):
    name = "checkout"

    def ready(self) -> None:
        invariants.register(*INVARIANTS)
