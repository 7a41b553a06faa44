from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ShippingConfig(AppConfig):
    name = "shipping"

    def ready(self) -> None:
        post_migrate.connect(start_off, sender=self)


def start_off(**_: Any) -> None:
    # Its module reads models, which exist only now.
    from .operations import make_first_method

    make_first_method()
