from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from shop import invariants

from .invariants import INVARIANTS
from .vat import EU_RATES


class PricingConfig(AppConfig):
    name = "pricing"

    def ready(self) -> None:
        invariants.register(*INVARIANTS)
        post_migrate.connect(start_off, sender=self)


def start_off(**_: Any) -> None:
    # Its module reads models, which exist only now.
    from .operations import make_first_tax_classes

    make_first_tax_classes(EU_RATES)
