from typing import Any

from django.utils import timezone

from .operations import record_bagged


def item_added(payload: dict[str, Any]) -> None:
    record_bagged(cart=payload["cart"], sku=payload["sku"], now=timezone.now())
