from datetime import datetime, timedelta

from orders.models import Order

from . import providers

# The buyer who pays in the last second is still on the way back, and the message about it too.
GRACE = timedelta(minutes=2)


def available_methods() -> list[tuple[str, str]]:
    """Code and label of each way to pay that this shop has set up."""
    return [(code, Order.PaymentMethod(code).label) for code in providers.available()]


def payment_due_at(method: str, now: datetime) -> datetime | None:
    """When an order that is placed now with this way to pay ends unpaid; None when it waits for the courier."""
    expires_at = providers.get(method).expires_at(now)
    return expires_at + GRACE if expires_at else None
