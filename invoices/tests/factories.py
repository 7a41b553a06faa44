"""Orders whose money came and went, made through the shop's own verbs."""

from typing import Any

from django.utils import timezone

from catalog.models import Variant
from checkout.tests.factories import place_order
from invoices import operations
from invoices.models import Invoice
from orders.models import Order
from payments import operations as payments


def paid_order(*variants: Variant, **values: Any) -> Order:
    """By bank transfer, and the money has come. No invoice is written so far."""
    return pay(place_order(*variants, **{"payment_method": "invoice"} | values))


def pay(order: Order) -> Order:
    now = timezone.now()
    payments.start(order, now=now)
    payments.record_manual_payment(order, actor="test", now=now)
    order.refresh_from_db()
    return order


def write(order: Order) -> list[Invoice]:
    """The documents that were missing; a second call finds none, as after an event that came twice."""
    written = operations.write_what_is_due(order, now=timezone.now())
    assert operations.write_what_is_due(order, now=timezone.now()) == []
    return written
