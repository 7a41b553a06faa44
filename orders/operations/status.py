from datetime import datetime

from django.db import transaction

from inventory import operations as inventory
from orders.errors import InvalidTransition, NotCancellable
from orders.models import Order, Shipment
from pricing import operations as pricing
from shop import outbox

from .journal import ALLOWED, PaymentStatus, Status, locked, record, save, tell, transition
from .parcels import deliver, ship


@transaction.atomic
def cancel_order(order: Order, *, actor: str, reason: str, now: datetime) -> Order:
    """Ends an order of which no parcel has left; a second time changes nothing.

    `payments` hears of it and gives back what was paid; promotions and coupons count as unused. Raises NotCancellable.
    Locks: order, then its coupons, promotions, reservations, then stock.
    """
    order = locked(order)
    if order.status == Status.CANCELLED:
        return order
    if not order.is_cancellable:
        raise NotCancellable(order.status, ALLOWED[order.status] - {Status.CANCELLED})
    transition(order, Status.CANCELLED, actor=actor, now=now, payload={"reason": reason})
    order.payment_due_at = None
    # What cost nothing was never paid: its buyer must not be told that money goes back.
    if order.payment_status in {PaymentStatus.PENDING, PaymentStatus.FAILED} or not order.total_minor:
        order.payment_status = PaymentStatus.VOIDED
    order.shipments.filter(status__in=Shipment.WAITING).delete()
    save(order, now)
    tell("order.cancelled", order, priority=outbox.MONEY, reason=reason)
    pricing.give_back(order.reference)
    inventory.release(order.reference)
    return order


@transaction.atomic
def start_processing(order: Order, *, actor: str, now: datetime) -> Order:
    """Says that the parcel is being packed. Locks: order."""
    order = locked(order)
    if order.status != Status.PROCESSING:
        transition(order, Status.PROCESSING, actor=actor, now=now)
        save(order, now)
    return order


def note_mail(order: Order, mail: str, *, actor: str, now: datetime) -> None:
    """Puts on record who had which mail sent again. Runs inside the transaction that asks for it."""
    record(order, "mail_again", actor=actor, now=now, payload={"mail": mail})


def set_status(
    order: Order, status: str, *, tracking_number: str = "", carrier: str = "", actor: str, now: datetime
) -> Order:
    """The staff's `PUT .../status`: each target is one of the verbs above; the present state again changes nothing."""
    if status == Status.SHIPPED:
        return ship(order, tracking_number=tracking_number, carrier=carrier, actor=actor, now=now)
    if status == Status.CANCELLED:
        return cancel_order(order, actor=actor, reason="cancelled by staff", now=now)
    if status == Status.PROCESSING:
        return start_processing(order, actor=actor, now=now)
    if status == Status.DELIVERED:
        return deliver(order, actor=actor, now=now)
    order.refresh_from_db(fields=["status"])
    if status != order.status:
        # `confirmed` follows from money and `pending` from nothing: neither is set by hand.
        raise InvalidTransition(order.status, status, ALLOWED[order.status] - {Status.CONFIRMED})
    return order
