from datetime import datetime, timedelta

from django.db.models import QuerySet

from orders.models import Order

from . import providers
from .models import Refund

# The buyer who pays in the last second is still on the way back, and the message about it too.
GRACE = timedelta(minutes=2)


def available_methods() -> list[tuple[str, str]]:
    """Code and label of each way to pay that this shop has set up."""
    return [(code, Order.PaymentMethod(code).label) for code in providers.available()]


def payment_due_at(method: str, now: datetime) -> datetime | None:
    """When an order that is placed now with this way to pay ends unpaid; None when it waits for the courier."""
    expires_at = providers.get(method).expires_at(now)
    return expires_at + GRACE if expires_at else None


def refunds_of(order: Order) -> QuerySet[Refund]:
    """With what an answer tells of each, the first refund first."""
    found = Refund.objects.filter(payment__order=order).select_related("payment")
    return found.prefetch_related("lines__order_line").order_by("id")
