"""An order's life once its price is agreed. Each verb locks the order, writes an event and touches stock last."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from catalog.models import Variant
from inventory import operations as inventory
from pricing import operations as pricing
from pricing.operations import Quote
from shipping import queries as shipping
from shop import outbox

from .errors import InvalidTransition, NotCancellable
from .models import Order, OrderDiscount, OrderEvent, OrderLine, Shipment, ShipmentLine

Status, PaymentStatus, FulfillmentStatus = Order.Status, Order.PaymentStatus, Order.FulfillmentStatus

ALLOWED: Mapping[str, frozenset[str]] = {
    Status.PENDING: frozenset({Status.CONFIRMED, Status.CANCELLED}),
    Status.CONFIRMED: frozenset({Status.PROCESSING, Status.SHIPPED, Status.CANCELLED}),
    Status.PROCESSING: frozenset({Status.SHIPPED, Status.CANCELLED}),
    Status.SHIPPED: frozenset({Status.DELIVERED}),
    Status.DELIVERED: frozenset(),
    Status.CANCELLED: frozenset(),
}
SYSTEM = "system"
MAX_NAME = 300  # a variant with long options may have a longer one
# Crockford's alphabet: no letter that is read as a digit on the telephone.
NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True)
class Contact:
    email: str
    phone: str = ""


def create_order(
    quote: Quote,
    *,
    user: User | None,
    contact: Contact,
    shipping_address: Mapping[str, Any],
    billing_address: Mapping[str, Any],
    payment_method: str,
    payment_due_at: datetime | None,
    cart_reference: str,
    idempotency_key: str,
    now: datetime,
    arrives: tuple[date, date] | None = None,
    pickup_address: str = "",
) -> Order:
    """Writes down the quote verbatim as a pending order and tells of it. Stock is the caller's, last of all.

    `arrives` is the first and the last day of arrival that the buyer was told.
    """
    freight = quote.freight
    order = Order.objects.create(
        number=new_number(),
        user=user,
        cart_reference=cart_reference,
        idempotency_key=idempotency_key,
        email=contact.email,
        phone=contact.phone,
        shipping_address=dict(shipping_address),
        billing_address=dict(billing_address),
        shipping_method=freight.code if freight else "",
        shipping_name=freight.name if freight else "",
        delivery_first=arrives[0] if arrives else None,
        delivery_last=arrives[1] if arrives else None,
        pickup_address=pickup_address,
        payment_method=payment_method,
        payment_due_at=payment_due_at,
        currency=quote.currency,
        prices_include_tax=quote.prices_include_tax,
        subtotal_minor=quote.subtotal_minor,
        discount_minor=quote.discount_minor,
        shipping_minor=quote.shipping_minor,
        shipping_net_minor=quote.freight_amount.net_minor,
        shipping_tax_minor=quote.freight_amount.tax_minor,
        shipping_tax_rate=quote.freight_amount.rate,
        tax_minor=quote.tax_minor,
        total_minor=quote.total_minor,
        placed_at=now,
        updated_at=now,
    )
    variants = dict(Variant.objects.filter(sku__in=[line.item.sku for line in quote.lines]).values_list("sku", "pk"))
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            variant_id=variants[line.item.sku],
            sku=line.item.sku,
            name=line.item.name[:MAX_NAME],
            quantity=line.item.quantity,
            list_price_minor=line.item.list_price_minor,
            unit_price_minor=line.item.unit_price_minor,
            discount_minor=line.discount_minor,
            net_minor=line.amount.net_minor,
            tax_minor=line.amount.tax_minor,
            gross_minor=line.amount.gross_minor,
            tax_rate=line.amount.rate,
            tax_class=line.item.tax_class,
        )
        for line in quote.lines
    )
    OrderDiscount.objects.bulk_create(
        OrderDiscount(order=order, name=each.name, code=each.code, phase=each.phase, amount_minor=each.amount_minor)
        for each in quote.applied
    )
    actor = user.public_id if user else "guest"
    _record(order, "placed", actor=actor, now=now, to_status=Status.PENDING, payload={"total_minor": order.total_minor})
    _tell("order.placed", order)
    return order


@transaction.atomic
def mark_paid(order: Order, *, payment_reference: str, now: datetime) -> Order:
    """Confirms an order whose money has arrived; a second time changes nothing.

    Its stock is promised until shipped, reserved anew where it had gone. Raises InsufficientStock then, and
    InvalidTransition for a cancelled order: the caller gives the money back.
    Locks: order, then its reservations, then stock.
    """
    order = _locked(order)
    if order.status == Status.CANCELLED:
        raise InvalidTransition(order.status, Status.CONFIRMED, ALLOWED[order.status])
    if order.payment_status == PaymentStatus.PAID:
        return order
    order.payment_status = PaymentStatus.PAID
    order.payment_due_at = None
    first = order.status == Status.PENDING
    _record(order, "paid", actor=SYSTEM, now=now, payload={"payment": payment_reference})
    if first:
        _transition(order, Status.CONFIRMED, actor=SYSTEM, now=now)
    _save(order, now)
    _tell("order.paid", order, priority=outbox.MONEY)
    if first:
        inventory.secure(order.reference, _quantities(order))
    return order


@transaction.atomic
def confirm(order: Order, *, actor: str, now: datetime) -> Order:
    """Accepts an order that is paid on delivery. Locks: order, then its reservations, then stock."""
    order = _locked(order)
    if order.status != Status.PENDING:
        return order
    _transition(order, Status.CONFIRMED, actor=actor, now=now)
    order.payment_due_at = None
    _save(order, now)
    inventory.secure(order.reference, _quantities(order))
    return order


@transaction.atomic
def record_payment_status(order: Order, status: str, *, now: datetime) -> Order:
    """Takes over what the payment's events say. Locks: order."""
    order = _locked(order)
    if order.payment_status != status:
        _record(order, f"payment_{status}", actor=SYSTEM, now=now)
        order.payment_status = status
        _save(order, now)
    return order


@transaction.atomic
def change_payment_method(order: Order, method: str, *, now: datetime) -> Order:
    """Lets an unpaid order be paid in another way. Raises InvalidTransition once it needs no payment. Locks: order."""
    order = _locked(order)
    if not order.is_open_for_payment:
        raise InvalidTransition(order.status, Status.PENDING, ALLOWED[order.status])
    if order.payment_method != method:
        _record(order, "payment_method", actor=SYSTEM, now=now, payload={"from": order.payment_method, "to": method})
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
    order = _locked(order)
    if order.is_open_for_payment and (order.payment_due_at is None or order.payment_due_at < until):
        order.payment_due_at = until
        _save(order, now)
        inventory.extend(order.reference, until=until)
    return order


@transaction.atomic
def cancel_order(order: Order, *, actor: str, reason: str, now: datetime) -> Order:
    """Ends an order of which no parcel has left; a second time changes nothing.

    `payments` hears of it and gives back what was paid; promotions and coupons count as unused. Raises NotCancellable.
    Locks: order, then its coupons, promotions, reservations, then stock.
    """
    order = _locked(order)
    if order.status == Status.CANCELLED:
        return order
    if not order.is_cancellable:
        raise NotCancellable(order.status, ALLOWED[order.status])
    _transition(order, Status.CANCELLED, actor=actor, now=now, payload={"reason": reason})
    order.payment_due_at = None
    # What cost nothing was never paid: its buyer must not be told that money goes back.
    if order.payment_status in {PaymentStatus.PENDING, PaymentStatus.FAILED} or not order.total_minor:
        order.payment_status = PaymentStatus.VOIDED
    _save(order, now)
    _tell("order.cancelled", order, priority=outbox.MONEY, reason=reason)
    pricing.give_back(order.reference)
    inventory.release(order.reference)
    return order


@transaction.atomic
def start_processing(order: Order, *, actor: str, now: datetime) -> Order:
    """Says that the parcel is being packed. Locks: order."""
    order = _locked(order)
    if order.status != Status.PROCESSING:
        _transition(order, Status.PROCESSING, actor=actor, now=now)
        _save(order, now)
    return order


@transaction.atomic
def ship(order: Order, *, tracking_number: str = "", carrier: str = "", actor: str, now: datetime) -> Order:
    """Sends every line off as one parcel. For an order already shipped, what is given goes to its last parcel.

    Raises InvalidTransition. Locks: order, then its reservations, then stock.
    """
    order = _locked(order)
    if order.status == Status.SHIPPED and (last := order.shipments.last()):
        correct_tracking(
            last,
            tracking_number=tracking_number or last.tracking_number,
            carrier=carrier or last.carrier,
            actor=actor,
            now=now,
        )
        return order
    parcel = Shipment(order=order, tracking_number=tracking_number, carrier=carrier, shipped_at=now)
    parcel.tracking_url = shipping.tracking_link(order.shipping_method, tracking_number)
    payload = {"shipment": parcel.public_id, "tracking_number": tracking_number, "carrier": carrier}
    _transition(order, Status.SHIPPED, actor=actor, now=now, payload=payload)
    parcel.save()
    ShipmentLine.objects.bulk_create(
        ShipmentLine(shipment=parcel, order_line=line, quantity=line.quantity) for line in order.lines.all()
    )
    order.fulfillment_status = FulfillmentStatus.FULFILLED
    _save(order, now)
    _tell("order.shipped", order)
    inventory.ship(order.reference, actor=actor)
    return order


@transaction.atomic
def correct_tracking(parcel: Shipment, *, tracking_number: str, carrier: str, actor: str, now: datetime) -> Shipment:
    """Writes down how a parcel can be followed; the same again changes nothing. Locks: order."""
    order = _locked(parcel.order)
    parcel = order.shipments.get(pk=parcel.pk)
    if (parcel.tracking_number, parcel.carrier) != (tracking_number, carrier):
        parcel.tracking_number, parcel.carrier = tracking_number, carrier
        parcel.tracking_url = shipping.tracking_link(order.shipping_method, tracking_number)
        parcel.save(update_fields=["tracking_number", "carrier", "tracking_url"])
        payload = {"shipment": parcel.public_id, "tracking_number": tracking_number, "carrier": carrier}
        _record(order, "tracking", actor=actor, now=now, payload=payload)
        _save(order, now)
    return parcel


@transaction.atomic
def deliver(order: Order, *, actor: str, now: datetime) -> Order:
    """Records that every parcel has arrived. Raises InvalidTransition. Locks: order."""
    order = _locked(order)
    if order.status != Status.DELIVERED:
        _transition(order, Status.DELIVERED, actor=actor, now=now)
        order.shipments.update(status=Shipment.Status.DELIVERED, delivered_at=now)
        _save(order, now)
        _tell("order.delivered", order)
    return order


def note_mail(order: Order, mail: str, *, actor: str, now: datetime) -> None:
    """Puts on record who had which mail sent again. Runs inside the transaction that asks for it."""
    _record(order, "mail_again", actor=actor, now=now, payload={"mail": mail})


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


@transaction.atomic
def join_orders(user: User, *, now: datetime) -> int:
    """Gives the guests' orders of a person's address to their account, if it is verified; returns how many.

    Locks: the user, so that the address can't change meanwhile, then the orders.
    """
    owner = User.objects.select_for_update(no_key=True).filter(pk=user.pk, is_active=True).first()
    if owner is None or not owner.is_email_verified:
        return 0
    orders = list(Order.objects.select_for_update(no_key=True).filter(user=None, email=owner.email).order_by("pk"))
    for order in orders:
        order.user = owner
        order.save(update_fields=["user"])
        _record(order, "joined", actor=owner.public_id, now=now)
    return len(orders)


def new_number() -> str:
    """For people: short, unguessable enough to tell no sales figures, worthless as a credential."""
    digits = [secrets.choice(NUMBER_ALPHABET) for _ in range(8)]
    return "".join(digits[:4]) + "-" + "".join(digits[4:])


def _locked(order: Order) -> Order:
    rows: QuerySet[Order] = Order.objects.select_for_update(no_key=True)
    return rows.get(pk=order.pk)


def _quantities(order: Order) -> dict[str, int]:
    return {line.sku: line.quantity for line in order.lines.all()}


def _transition(order: Order, to: str, *, actor: str, now: datetime, payload: dict[str, Any] | None = None) -> None:
    if to not in ALLOWED[order.status]:
        raise InvalidTransition(order.status, to, ALLOWED[order.status])
    _record(order, to, actor=actor, now=now, from_status=order.status, to_status=to, payload=payload)
    order.status = to
    if to == Status.CONFIRMED:
        _tell("order.confirmed", order, priority=outbox.MONEY)


def _record(
    order: Order,
    type: str,
    *,
    actor: str,
    now: datetime,
    from_status: str = "",
    to_status: str = "",
    payload: dict[str, Any] | None = None,
) -> None:
    OrderEvent.objects.create(
        order=order,
        type=type,
        from_status=from_status,
        to_status=to_status,
        actor=actor,
        payload=payload or {},
        created_at=now,
    )


def _save(order: Order, now: datetime) -> None:
    order.updated_at = now
    order.save(update_fields=["status", "payment_status", "fulfillment_status", "payment_due_at", "updated_at"])


def _tell(topic: str, order: Order, *, priority: int = outbox.NORMAL, **payload: Any) -> None:
    key = f"{topic}:{order.public_id}"
    outbox.publish(topic, key=key, payload={"order_id": order.public_id, **payload}, priority=priority)
