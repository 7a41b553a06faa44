"""Parcels: what is packed, leaves, arrives or gets lost. Every one of them takes the order's lock first.

That lock is what keeps two of staff from sending the same unit: what is left is counted after it was taken.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from inventory import operations as inventory
from orders.errors import InvalidTransition, NothingToShip, WrongParcelState
from orders.models import Order, OrderLine, Shipment, ShipmentLine
from shipping import queries as shipping
from shop import outbox

from .journal import ALLOWED, Status, locked, record, save, tell, transition
from .units import by_sku, chosen, count

Quantities = Mapping[str, int]
Parcel = Shipment.Status


@transaction.atomic
def prepare(
    order: Order, *, quantities: Quantities | None = None, is_packed: bool = False, actor: str, now: datetime
) -> Shipment:
    """Puts units into a new parcel that waits to be sent: of every line, or `quantities` by the line's public id.

    Raises InvalidTransition, TooManyUnits, NothingToShip. Locks: order.
    """
    order = locked(order)
    _require_sendable(order)
    parcel = _fill(order, quantities, now=now)
    if is_packed:
        parcel.status = Parcel.PACKED
        parcel.save(update_fields=["status"])
    if order.status == Status.CONFIRMED:
        transition(order, Status.PROCESSING, actor=actor, now=now)
    _note(order, "parcel_packed" if is_packed else "parcel_prepared", parcel, actor=actor, now=now)
    save(order, now)
    return parcel


@transaction.atomic
def pack(parcel: Shipment, *, actor: str, now: datetime) -> Shipment:
    """Says that a parcel is ready for the carrier; a second time changes nothing. Locks: order."""
    order, parcel = _both(parcel)
    if parcel.status != Parcel.PACKED:
        _require(parcel, Parcel.PACKED, Parcel.PENDING)
        parcel.status = Parcel.PACKED
        parcel.save(update_fields=["status"])
        _note(order, "parcel_packed", parcel, actor=actor, now=now)
        save(order, now)
    return parcel


@transaction.atomic
def unpack(parcel: Shipment, *, actor: str, now: datetime) -> None:
    """Takes a parcel apart that has not left. Locks: order."""
    order, parcel = _both(parcel)
    _require(parcel, "unpacked", *Shipment.WAITING)
    _note(order, "parcel_unpacked", parcel, actor=actor, now=now)
    parcel.delete()
    save(order, now)


@transaction.atomic
def ship(
    order: Order,
    *,
    quantities: Quantities | None = None,
    tracking_number: str = "",
    carrier: str = "",
    actor: str,
    now: datetime,
) -> Order:
    """Sends units off as one parcel: `quantities` by the line's public id, or everything that has not left yet.

    Without quantities, parcels that wait are put into this one; for an order already shipped, what is given goes to
    its last parcel. Raises InvalidTransition, TooManyUnits, NothingToShip, and what `inventory.ship` raises.
    Locks: order, then its reservations, then stock.
    """
    order = locked(order)
    if quantities is None and order.status == Status.SHIPPED and (last := order.shipments.last()):
        correct_tracking(
            last,
            tracking_number=tracking_number or last.tracking_number,
            carrier=carrier or last.carrier,
            actor=actor,
            now=now,
        )
        return order
    if quantities is None and Status.SHIPPED in ALLOWED[order.status]:
        order.shipments.filter(status__in=Shipment.WAITING).delete()
    sent = ship_units(
        order, quantities=quantities, tracking_number=tracking_number, carrier=carrier, actor=actor, now=now
    )
    return sent.order


@transaction.atomic
def ship_units(
    order: Order,
    *,
    quantities: Quantities | None = None,
    tracking_number: str = "",
    carrier: str = "",
    actor: str,
    now: datetime,
) -> Shipment:
    """Sends units off as one parcel and returns it: `quantities` by the line's public id, or all that are in none yet.

    Raises InvalidTransition, TooManyUnits, NothingToShip, and what `inventory.ship` raises.
    Locks: order, then its reservations, then stock.
    """
    order = locked(order)
    _require_sendable(order)
    parcel = _fill(order, quantities, now=now)
    _send(order, parcel, tracking_number=tracking_number, carrier=carrier, actor=actor, now=now)
    return parcel


@transaction.atomic
def send(parcel: Shipment, *, tracking_number: str = "", carrier: str = "", actor: str, now: datetime) -> Shipment:
    """Hands a parcel that waits to the carrier; of one that has left, tracking is corrected.

    Raises InvalidTransition, WrongParcelState and what `inventory.ship` raises.
    Locks: order, then its reservations, then stock.
    """
    order, parcel = _both(parcel)
    if parcel.status == Parcel.SHIPPED:
        return correct_tracking(
            parcel,
            tracking_number=tracking_number or parcel.tracking_number,
            carrier=carrier or parcel.carrier,
            actor=actor,
            now=now,
        )
    _require(parcel, Parcel.SHIPPED, *Shipment.WAITING)
    _require_sendable(order)
    _send(order, parcel, tracking_number=tracking_number, carrier=carrier, actor=actor, now=now)
    return parcel


@transaction.atomic
def correct_tracking(parcel: Shipment, *, tracking_number: str, carrier: str, actor: str, now: datetime) -> Shipment:
    """Writes down how a parcel can be followed; the same again changes nothing. Locks: order."""
    order, parcel = _both(parcel)
    if (parcel.tracking_number, parcel.carrier) != (tracking_number, carrier):
        parcel.tracking_number, parcel.carrier = tracking_number, carrier
        parcel.tracking_url = shipping.tracking_link(order.shipping_method, tracking_number)
        parcel.save(update_fields=["tracking_number", "carrier", "tracking_url"])
        _note(order, "tracking", parcel, actor=actor, now=now)
        save(order, now)
    return parcel


@transaction.atomic
def deliver(order: Order, *, parcel: Shipment | None = None, actor: str, now: datetime) -> Order:
    """Records that one parcel has arrived, or all that are on their way; a second time changes nothing.

    The order is delivered with its last parcel. A lost one keeps it open until it is replaced, turns up, or staff say
    that the order as a whole is delivered: what is lost then stays lost. Raises InvalidTransition, WrongParcelState.
    Locks: order.
    """
    order = locked(order)
    if parcel is None:
        if order.status == Status.DELIVERED:
            return order
        if Status.DELIVERED not in ALLOWED[order.status]:
            raise InvalidTransition(order.status, Status.DELIVERED, ALLOWED[order.status])
        arrived = list(order.shipments.filter(status=Parcel.SHIPPED))
        if not order.shipments.filter(status__in=(Parcel.SHIPPED, Parcel.DELIVERED)).exists():
            # Every one was lost, and yet it arrived.
            arrived = list(order.shipments.filter(status=Parcel.LOST, replacement=None))
    else:
        parcel = order.shipments.get(pk=parcel.pk)
        if parcel.status == Parcel.DELIVERED:
            return order
        _require(parcel, Parcel.DELIVERED, Parcel.SHIPPED, Parcel.LOST)
        if parcel.is_replaced:
            raise WrongParcelState(parcel.status, Parcel.DELIVERED, "Another parcel was sent in its place.")
        arrived = [parcel]
    _arrive(order, arrived, is_all=parcel is None, actor=actor, now=now)
    return order


@transaction.atomic
def lose(parcel: Shipment, *, actor: str, now: datetime) -> Shipment:
    """Records that the carrier lost a parcel. Its units have left the shelf for good: `replace` sends them again, or a
    refund pays them back. Raises WrongParcelState. Locks: order.
    """
    order, parcel = _both(parcel)
    if parcel.status != Parcel.LOST:
        _require(parcel, Parcel.LOST, Parcel.SHIPPED)
        parcel.status, parcel.lost_at = Parcel.LOST, now
        parcel.save(update_fields=["status", "lost_at"])
        _note(order, "parcel_lost", parcel, actor=actor, now=now)
        save(order, now)
    return parcel


@transaction.atomic
def replace(lost: Shipment, *, tracking_number: str = "", carrier: str = "", actor: str, now: datetime) -> Shipment:
    """Sends the contents of a lost parcel once more, from the shelf, at no cost; a second time gives the same parcel.

    Raises WrongParcelState, InsufficientStock, and what `inventory.ship` raises.
    Locks: order, then its reservations, then stock.
    """
    order, lost = _both(lost)
    if lost.is_replaced:
        return lost.replacement
    _require(lost, "replaced", Parcel.LOST)
    if order.status == Status.DELIVERED:
        raise WrongParcelState(lost.status, "replaced", "The order was closed as delivered.")
    parcel = Shipment.objects.create(order=order, replaces=lost, created_at=now)
    contents = contents_of(lost)
    _put(parcel, contents)
    _mark_sent(order, parcel, tracking_number=tracking_number, carrier=carrier, now=now)
    _note(order, "parcel_replaced", parcel, actor=actor, now=now)
    save(order, now)
    tell("order.parcel_replaced", order, of=parcel.public_id, shipment_id=parcel.public_id)
    units = by_sku(contents)
    inventory.allocate_more(order.reference, units)
    inventory.ship(order.reference, actor=actor, quantities=units)
    return parcel


@transaction.atomic
def cancel_units(
    order: Order, quantities: Quantities, *, reason: str, is_refunded: bool = True, actor: str, now: datetime
) -> Order:
    """Takes units off an order that will not be sent after all; they can be sold again.

    `payments` hears of it and gives back what was or will be paid for them, unless `is_refunded` leaves that to others.
    Units in a parcel that waits have to be unpacked first; the last ones of an order of which nothing left are
    `cancel_order`. Raises InvalidTransition, TooManyUnits. Locks: order, then its reservations, then stock.
    """
    order = locked(order)
    _require_sendable(order)
    lines = list(order.lines.with_units())
    units = chosen(lines, quantities, free=lambda line: line.units_to_send)
    if sum(line.wanted for line in lines) == sum(units.values()):
        raise NothingToShip("Nothing would be left of the order: cancel it instead.")
    for line, quantity in units.items():
        line.cancelled_quantity += quantity
        line.save(update_fields=["cancelled_quantity"])
    taken = {line.public_id: quantity for line, quantity in units.items()}
    payload = {"units": taken, "reason": reason, "is_refunded": is_refunded}
    record(order, "units_cancelled", actor=actor, now=now, payload=payload)
    follow(order, actor=actor, now=now)
    if order.status == Status.SHIPPED:
        _finish(order, actor=actor, now=now)
    save(order, now)
    number = order.events.filter(type="units_cancelled").count()
    tell("order.units_cancelled", order, of=str(number), priority=outbox.MONEY, **payload)
    inventory.release(order.reference, by_sku(units))
    return order


def follow(order: Order, *, actor: str, now: datetime, payload: dict[str, Any] | None = None) -> None:
    """Lets the order's axes say what its lines and parcels say. The caller saves."""
    units = count(order)
    order.fulfillment_status = units.fulfillment_status
    if not units.left:
        return
    if order.status == Status.CONFIRMED and not units.have_all_left:
        transition(order, Status.PROCESSING, actor=actor, now=now)
    if order.status in {Status.CONFIRMED, Status.PROCESSING} and units.have_all_left:
        transition(order, Status.SHIPPED, actor=actor, now=now, payload=payload)


def _require_sendable(order: Order) -> None:
    if Status.SHIPPED not in ALLOWED[order.status]:
        raise InvalidTransition(order.status, Status.SHIPPED, ALLOWED[order.status])


def _require(parcel: Shipment, wanted: str, *states: str) -> None:
    if parcel.status not in states:
        raise WrongParcelState(parcel.status, wanted)


def _both(parcel: Shipment) -> tuple[Order, Shipment]:
    """The order, locked, and its parcel as it is under that lock. Raises WrongParcelState for one taken apart."""
    order = locked(parcel.order)
    found = order.shipments.filter(pk=parcel.pk).first()
    if found is None:
        raise WrongParcelState("unpacked", "changed", "It was taken apart meanwhile.")
    return order, found


def _fill(order: Order, quantities: Quantities | None, *, now: datetime) -> Shipment:
    units = chosen(order.lines.with_units(), quantities, free=lambda line: line.units_to_send)
    if not units:
        raise NothingToShip
    parcel = Shipment.objects.create(order=order, status=Parcel.PENDING, created_at=now)
    _put(parcel, units)
    return parcel


def _put(parcel: Shipment, units: Mapping[OrderLine, int]) -> None:
    ShipmentLine.objects.bulk_create(
        ShipmentLine(shipment=parcel, order_line=line, quantity=quantity) for line, quantity in units.items()
    )


def contents_of(parcel: Shipment) -> dict[OrderLine, int]:
    return {row.order_line: row.quantity for row in parcel.lines.select_related("order_line")}


def _mark_sent(order: Order, parcel: Shipment, *, tracking_number: str, carrier: str, now: datetime) -> None:
    parcel.status, parcel.shipped_at = Parcel.SHIPPED, now
    parcel.tracking_number, parcel.carrier = tracking_number, carrier
    parcel.tracking_url = shipping.tracking_link(order.shipping_method, tracking_number)
    parcel.save()


def _send(order: Order, parcel: Shipment, *, tracking_number: str, carrier: str, actor: str, now: datetime) -> None:
    _mark_sent(order, parcel, tracking_number=tracking_number, carrier=carrier, now=now)
    follow(order, actor=actor, now=now, payload=_payload(parcel))
    if order.status == Status.SHIPPED:
        tell("order.shipped", order, shipment_id=parcel.public_id)
    else:
        _note(order, "part_shipped", parcel, actor=actor, now=now)
        tell("order.partly_shipped", order, of=parcel.public_id, shipment_id=parcel.public_id)
    save(order, now)
    inventory.ship(order.reference, actor=actor, quantities=by_sku(contents_of(parcel)))


def _arrive(order: Order, arrived: list[Shipment], *, is_all: bool, actor: str, now: datetime) -> None:
    ids = [parcel.public_id for parcel in arrived]
    order.shipments.filter(pk__in=[parcel.pk for parcel in arrived]).update(status=Parcel.DELIVERED, delivered_at=now)
    if order.status == Status.SHIPPED and (is_all or not _still_out(order).exists()):
        transition(order, Status.DELIVERED, actor=actor, now=now)
        tell("order.delivered", order, shipment_ids=ids)
    else:
        for parcel in arrived:
            _note(order, "part_delivered", parcel, actor=actor, now=now)
        tell("order.partly_delivered", order, of=ids[0], shipment_ids=ids)
    save(order, now)


def _finish(order: Order, *, actor: str, now: datetime) -> None:
    """What was still to be sent is not wanted any more: the parcel that left last was the last one."""
    last = order.shipments.filter(status__in=Shipment.LEFT).latest("id")
    tell("order.shipped", order, shipment_id=last.public_id)
    if not _still_out(order).exists():
        transition(order, Status.DELIVERED, actor=actor, now=now)
        tell("order.delivered", order, shipment_ids=[last.public_id])


def _still_out(order: Order) -> QuerySet[Shipment]:
    return order.shipments.filter(Q(status=Parcel.SHIPPED) | Q(status=Parcel.LOST, replacement=None))


def _note(order: Order, type: str, parcel: Shipment, *, actor: str, now: datetime) -> None:
    record(order, type, actor=actor, now=now, payload=_payload(parcel))


def _payload(parcel: Shipment) -> dict[str, str]:
    return {
        "shipment": parcel.public_id,
        "tracking_number": parcel.tracking_number,
        "carrier": parcel.carrier,
    }
