"""What the order's payment does to it. `payments` calls."""

from datetime import datetime

from django.db import transaction

from inventory import operations as inventory
from orders.errors import InvalidTransition
from orders.models import Order
from shop import outbox

from .journal import ALLOWED, SYSTEM, PaymentStatus, Status, locked, quantities, record, save, tell, transition


@transaction.atomic
def mark_paid(order: Order, *, payment_reference: str, now: datetime) -> Order:
    """Confirms an order whose money has arrived; a second time changes nothing.

    Its stock is promised until shipped, reserved anew where it had gone. Raises InsufficientStock then, and
    InvalidTransition for a cancelled order: the caller gives the money back.
    Locks: order, then its reservations, then stock.
    """
    order = locked(order)
    if order.status == Status.CANCELLED:
        raise InvalidTransition(order.status, Status.CONFIRMED, ALLOWED[order.status])
    if order.payment_status == PaymentStatus.PAID:
        return order
    order.payment_status = PaymentStatus.PAID
    order.payment_due_at = None
    first = order.status == Status.PENDING
    record(order, "paid", actor=SYSTEM, now=now, payload={"payment": payment_reference})
    if first:
        transition(order, Status.CONFIRMED, actor=SYSTEM, now=now)
    save(order, now)
    tell("order.paid", order, priority=outbox.MONEY)
    if first:
        inventory.secure(order.reference, quantities(order))
    return order


@transaction.atomic
def confirm(order: Order, *, actor: str, now: datetime) -> Order:
    """Accepts an order that is paid on delivery. Locks: order, then its reservations, then stock."""
    order = locked(order)
    if order.status != Status.PENDING:
        return order
    transition(order, Status.CONFIRMED, actor=actor, now=now)
    order.payment_due_at = None
    save(order, now)
    inventory.secure(order.reference, quantities(order))
    return order


@transaction.atomic
def record_payment_status(order: Order, status: str, *, now: datetime) -> Order:
    """Takes over what the payment's events say. Locks: order."""
    order = locked(order)
    if order.payment_status != status:
        record(order, f"payment_{status}", actor=SYSTEM, now=now)
        order.payment_status = status
        save(order, now)
    return order


@transaction.atomic
def change_payment_method(order: Order, method: str, *, now: datetime) -> Order:
    """Lets an unpaid order be paid in another way. Raises InvalidTransition once it needs no payment. Locks: order."""
    order = locked(order)
    if not order.is_open_for_payment:
        raise InvalidTransition(order.status, Status.PENDING, ALLOWED[order.status])
    if order.payment_method != method:
        record(order, "payment_method", actor=SYSTEM, now=now, payload={"from": order.payment_method, "to": method})
        order.payment_method = method
        order.payment_status = PaymentStatus.PENDING
        order.updated_at = now
        order.save(update_fields=["payment_method", "payment_status", "updated_at"])
        key = f"order.payment_method:{order.public_id}:{method}"
        outbox.publish("order.payment_method", key=key, payload={"order_id": order.public_id})
    return order


@transaction.atomic
def extend_payment_due(order: Order, *, until: datetime, now: datetime) -> Order:
    """Gives an unpaid order, and the promise of its stock, time until then. Locks: order, then its reservations."""
    order = locked(order)
    if order.is_open_for_payment and (order.payment_due_at is None or order.payment_due_at < until):
        order.payment_due_at = until
        save(order, now)
        inventory.extend(order.reference, until=until)
    return order
