from datetime import datetime

from django.db import transaction

from inventory import operations as inventory
from orders.models import Order, Shipment, ShipmentLine
from shipping import queries as shipping

from .journal import FulfillmentStatus, Status, locked, record, save, tell, transition


@transaction.atomic
def ship(order: Order, *, tracking_number: str = "", carrier: str = "", actor: str, now: datetime) -> Order:
    """Sends every line off as one parcel. For an order already shipped, what is given goes to its last parcel.

    Raises InvalidTransition. Locks: order, then its reservations, then stock.
    """
    order = locked(order)
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
    transition(order, Status.SHIPPED, actor=actor, now=now, payload=payload)
    parcel.save()
    ShipmentLine.objects.bulk_create(
        ShipmentLine(shipment=parcel, order_line=line, quantity=line.quantity) for line in order.lines.all()
    )
    order.fulfillment_status = FulfillmentStatus.FULFILLED
    save(order, now)
    tell("order.shipped", order)
    inventory.ship(order.reference, actor=actor)
    return order


@transaction.atomic
def correct_tracking(parcel: Shipment, *, tracking_number: str, carrier: str, actor: str, now: datetime) -> Shipment:
    """Writes down how a parcel can be followed; the same again changes nothing. Locks: order."""
    order = locked(parcel.order)
    parcel = order.shipments.get(pk=parcel.pk)
    if (parcel.tracking_number, parcel.carrier) != (tracking_number, carrier):
        parcel.tracking_number, parcel.carrier = tracking_number, carrier
        parcel.tracking_url = shipping.tracking_link(order.shipping_method, tracking_number)
        parcel.save(update_fields=["tracking_number", "carrier", "tracking_url"])
        payload = {"shipment": parcel.public_id, "tracking_number": tracking_number, "carrier": carrier}
        record(order, "tracking", actor=actor, now=now, payload=payload)
        save(order, now)
    return parcel


@transaction.atomic
def deliver(order: Order, *, actor: str, now: datetime) -> Order:
    """Records that every parcel has arrived. Raises InvalidTransition. Locks: order."""
    order = locked(order)
    if order.status != Status.DELIVERED:
        transition(order, Status.DELIVERED, actor=actor, now=now)
        order.shipments.update(status=Shipment.Status.DELIVERED, delivered_at=now)
        save(order, now)
        tell("order.delivered", order)
    return order
