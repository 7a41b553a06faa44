from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PricingConfig(AppConfig):
    name = "pricing"

    def ready(self) -> None:
        post_migrate.connect(start_off, sender=self)


def start_off(**_: Any) -> None:
    from .operations import make_first_tax_classes
    from .vat import EU_RATES

    make_first_tax_classes(EU_RATES)
