from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from shop import invariants

from .invariants import INVARIANTS


class InventoryConfig(AppConfig):
    name = "inventory"

    def ready(self) -> None:
        invariants.register(*INVARIANTS)
        invariants.register_repair("stock", repair_stock)
        post_migrate.connect(make_first_warehouse, sender=self)


def repair_stock() -> list[str]:
    # Its module reads models, which exist only now.
    from .operations import replay

    return replay()


def make_first_warehouse(**_: Any) -> None:
    """A new shop can receive goods at once."""
    # Its module reads models, which exist only now.
    from .operations import default_warehouse

    default_warehouse()
