from django.apps import AppConfig

from shop import invariants


class OrdersConfig(AppConfig):
    name = "orders"

    def ready(self) -> None:
        from .invariants import INVARIANTS

        invariants.register(*INVARIANTS)
