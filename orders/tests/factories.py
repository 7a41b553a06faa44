"""Orders of which parcels have left, and returns of them."""

from typing import Any

from django.utils import timezone

from checkout.tests.factories import make_variant, order_in
from orders import operations
from orders.models import Order, OrderLine, Return, Shipment
from orders.operations import ReturnItem

ACTOR = "test"


def order_of_two_lines(state: str = "confirmed", *, quantity: int = 3, **values: Any) -> Order:
    return order_in(state, make_variant(stock=10), make_variant(stock=10), quantity=quantity, **values)


def lines_of(order: Order) -> list[OrderLine]:
    return list(order.lines.with_units())


def units(order: Order, *quantities: int) -> dict[str, int]:
    """By line, in their order; 0 leaves a line out."""
    return {line.public_id: n for line, n in zip(lines_of(order), quantities, strict=False) if n}


def send(order: Order, *quantities: int, **tracking: str) -> Shipment:
    given = units(order, *quantities) if quantities else None
    return operations.ship_units(order, quantities=given, **tracking, actor=ACTOR, now=timezone.now())


def arrive(order: Order, parcel: Shipment) -> Order:
    return operations.deliver(order, parcel=parcel, actor=ACTOR, now=timezone.now())


def want_back(order: Order, *quantities: int, **more: Any) -> Return:
    items = [ReturnItem(line, n, "changed_mind") for line, n in units(order, *quantities).items()]
    values: dict[str, Any] = {"actor": "guest", "now": timezone.now()} | more
    return operations.request_return(order, items, **values)


def receive(made: Return, **more: Any) -> Return:
    """Approved and received, to be sold again unless told otherwise."""
    made = operations.approve_return(made, actor=ACTOR, now=timezone.now())
    dispositions = {line.order_line.public_id: "restock" for line in made.lines.select_related("order_line")}
    values: dict[str, Any] = {"dispositions": dispositions, "actor": ACTOR, "now": timezone.now()} | more
    return operations.receive_return(made, values.pop("dispositions"), **values)
