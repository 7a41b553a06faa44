from django.apps import AppConfig

from shop import invariants, privacy
from shop.subscribers import subscribe


class InvoicesConfig(AppConfig):
    name = "invoices"

    def ready(self) -> None:
        from . import checks  # noqa: F401
        from .handlers import TOPICS, write_what_is_due
        from .invariants import INVARIANTS
        from .privacy import PART

        privacy.register(PART)
        invariants.register(*INVARIANTS)
        for topic in TOPICS:
            subscribe(topic, write_what_is_due)
