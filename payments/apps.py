from django.apps import AppConfig

from shop import invariants, privacy
from shop.subscribers import subscribe

from .invariants import INVARIANTS


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        from . import checks  # noqa: F401
        from .handlers import capture_shipped_order, close_cancelled_order, refund_cancelled_units, refund_return
        from .privacy import PART

        privacy.register(PART)
        invariants.register(*INVARIANTS)
        subscribe("order.cancelled", close_cancelled_order)
        subscribe("order.partly_shipped", capture_shipped_order)
        subscribe("order.shipped", capture_shipped_order)
        subscribe("order.units_cancelled", refund_cancelled_units)
        subscribe("order.paid", refund_cancelled_units)
        subscribe("return.received", refund_return)
