from django.apps import AppConfig

from shop import invariants, privacy
from shop.subscribers import subscribe

from .invariants import INVARIANTS


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        from . import checks  # noqa: F401
        from .handlers import close_cancelled_order
        from .privacy import PART

        privacy.register(PART)
        invariants.register(*INVARIANTS)
        subscribe("order.cancelled", close_cancelled_order)
