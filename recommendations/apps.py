from django.apps import AppConfig

from shop import invariants
from shop.subscribers import subscribe


class RecommendationsConfig(AppConfig):
    name = "recommendations"

    def ready(self) -> None:
        # The handler's module reads models, which exist only now.
        from .handlers import item_added
        from .invariants import INVARIANTS

        invariants.register(*INVARIANTS)
        subscribe("cart.item_added", item_added)
