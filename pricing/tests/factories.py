"""Promotions of every kind, and bags to try them on."""

from decimal import Decimal
from itertools import count
from typing import Any

from pricing.models import Action, Coupon, Phase, Promotion
from pricing.operations import Candidate, Freight, Item, Offers

_numbers = count(1)


def promotion(**values: Any) -> Promotion:
    """Ten percent off the order, unless told otherwise. Not stored."""
    number = next(_numbers)
    values = {"pk": number, "name": f"Offer {number}", "phase": Phase.ORDER, **values}
    if "action" not in values:
        values["percent"] = values.get("percent", 10)
    if "percent" in values:
        values["percent"] = Decimal(values["percent"])
    return Promotion(**values)


def stored_promotion(**values: Any) -> Promotion:
    made = promotion(**values)
    made.pk = None
    made.save()
    return made


def coupon(code: str = "WELCOME10", *, of: Promotion | None = None, **values: Any) -> Coupon:
    """Stored, and opens ten percent off the order unless `of` says what."""
    return Coupon.objects.create(promotion=of or stored_promotion(name=code, needs_coupon=True), code=code, **values)


def offers(*promotions: Promotion | Candidate, **values: Any) -> Offers:
    candidates = tuple(each if isinstance(each, Candidate) else Candidate(each) for each in promotions)
    return Offers(candidates, **values)


def item(sku: str = "MUG", price_minor: int = 1000, quantity: int = 1, **values: Any) -> Item:
    values = {"list_price_minor": price_minor, "tax_class": "standard", "tags": frozenset({f"sku:{sku}"}), **values}
    return Item(sku, sku.title(), quantity, price_minor, **values)


PARCEL = Freight("parcel", "Parcel", 490, "standard")
FREE_DELIVERY: dict[str, Any] = {"phase": Phase.SHIPPING, "action": Action.FREE_SHIPPING}
