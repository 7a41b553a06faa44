"""What staff, a parcel or a cancelled order do with authorised money."""

import logging
from datetime import datetime, timedelta

from django.db import transaction

from orders import operations as orders
from orders.models import Order
from payments.errors import NotCapturable
from payments.models import Payment
from shop.money import Money

from . import moves
from .ledger import alert, lock
from .settling import settle

log = logging.getLogger(__name__)

WARN_BEFORE = timedelta(hours=36)


def capture(payment: Payment, amount_minor: int | None = None, *, actor: str, now: datetime) -> Payment:
    """Takes authorised money, all or `amount_minor` minor units: once, for the rest goes back to the buyer.

    Still `authorized` afterwards: on record, and sent until it arrives. Raises NotCapturable, InvalidInput.
    Calls the provider: not inside a transaction. Locks: the payment; afterwards as `settle`.
    """
    with transaction.atomic():
        locked = lock(payment)
        amount = locked.amount_minor if amount_minor is None else amount_minor
        moves.request_capture(locked, amount, actor=actor, now=now)
    return _carry_out(locked, now=now)


def void(payment: Payment, *, actor: str, now: datetime) -> Payment:
    """Lets authorised money go. As `capture`."""
    with transaction.atomic():
        locked = lock(payment)
        moves.request_void(locked, actor=actor, now=now)
    return _carry_out(locked, now=now)


def capture_order(order: Order, *, now: datetime) -> None:
    """Takes what is authorised for an order whose first parcel has left, unless somebody has decided otherwise."""
    for payment in order.payments.authorized():
        try:
            capture(payment, actor=orders.SYSTEM, now=now)
        except NotCapturable:
            log.warning("%s is being taken or let go already", payment)


def warn_of_lapsing(now: datetime) -> int:
    """Tells staff, once for each, of authorised money that is lost unless it is taken soon. Returns how many."""
    lapsing = Payment.objects.authorized().filter(capture_before__lte=now + WARN_BEFORE).select_related("order")
    for payment in lapsing:
        amount = Money(payment.amount_minor, payment.currency)
        with transaction.atomic():
            alert(
                payment, f"{amount} is authorised until {payment.capture_before:%d %B %H:%M} UTC: capture or release it"
            )
    return len(lapsing)


def _carry_out(payment: Payment, *, now: datetime) -> Payment:
    """One question follows the request, whatever became of it: the books say what the provider says."""
    if moves.send_requested(payment, now=now):
        return settle(payment, now=now)
    payment.refresh_from_db()
    return payment
