"""The invoices' part of a copy and of an erasure: tax law keeps them, and forgets the buyer with the order."""

from datetime import datetime
from typing import Any

from accounts.models import User
from shop.money import to_number
from shop.privacy import Part

from .models import Invoice


def export(user: User) -> list[dict[str, Any]]:
    invoices = Invoice.objects.filter(order__user=user).select_related("order").order_by("id")
    return [
        {
            "number": invoice.number,
            "kind": invoice.kind,
            "orderId": invoice.order.public_id,
            "issuedOn": invoice.issued_on,
            "buyer": invoice.buyer,
            "total": to_number(invoice.total_minor, invoice.currency),
            "currency": invoice.currency,
        }
        for invoice in invoices
    ]


def expire(now: datetime) -> None:
    """Where the order has forgotten its buyer, its invoices do: the only change that the database lets happen to them.

    Locks: the invoices.
    """
    for invoice in Invoice.objects.filter(order__redacted_at__isnull=False, redacted_at=None).iterator():
        buyer = {"lines": [], "delivery": [], "email": "", "country": invoice.buyer.get("country", "")}
        Invoice.objects.filter(pk=invoice.pk).update(buyer=buyer, redacted_at=now)


PART = Part("invoices", export, expire=expire)
