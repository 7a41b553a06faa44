from django.apps import AppConfig

from shop import invariants
from shop.subscribers import subscribe

from .invariants import INVARIANTS


class CatalogConfig(AppConfig):
    name = "catalog"

    def ready(self) -> None:
        # The handler's module reads models, which exist only now.
        from .handlers import apply_sales, fetch_image, price_created

        invariants.register(*INVARIANTS)
        subscribe("image.added", fetch_image)
        subscribe("product.created", price_created)
        subscribe("promotion.changed", apply_sales)
