from django.apps import AppConfig

from shop import invariants

from .invariants import INVARIANTS


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        from shop import outbox

        from .handlers import close_cancelled_order

        invariants.register(*INVARIANTS)
        outbox.subscribe("order.cancelled", close_cancelled_order)
