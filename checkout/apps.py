from django.apps import AppConfig

from shop import invariants
from shop.subscribers import subscribe

from .invariants import INVARIANTS


class CheckoutConfig(AppConfig):
    name = "checkout"

    def ready(self) -> None:
        from .handlers import refund_edit

        invariants.register(*INVARIANTS)
        subscribe("order.edited", refund_edit)
