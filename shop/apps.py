from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "shop"

    def ready(self) -> None:
        from . import checks  # noqa: F401
        from .invariants import register
        from .outbox import INVARIANT

        register(INVARIANT)
