from django.apps import AppConfig

from shop import invariants, privacy
from shop.subscribers import subscribe


class OrdersConfig(AppConfig):
    name = "orders"

    def ready(self) -> None:
        from .handlers import join_order_to_owner, join_orders_of_owner
        from .invariants import INVARIANTS
        from .privacy import PART

        privacy.register(PART)
        invariants.register(*INVARIANTS)
        subscribe("user.email_verified", join_orders_of_owner)
        subscribe("order.placed", join_order_to_owner)
