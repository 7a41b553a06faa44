"""What staff do with an order, a parcel or a return: a link on its page, a form behind it, a verb behind the form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orders import operations
from orders.errors import InvalidTransition
from orders.models import Order, Return, Shipment
from shop.money import Money

from .forms import (
    CorrectTrackingForm,
    DropForm,
    MoveForm,
    ReasonForm,
    ReceiveForm,
    RejectForm,
    ShipForm,
    TrackingForm,
)

Status, PaymentStatus, Parcel = Order.Status, Order.PaymentStatus, Shipment.Status


def ship(order: Order, *, only_pack: bool, tracking_number: str, carrier: str, **given: Any) -> None:
    if only_pack:
        operations.prepare(order, is_packed=True, **given)
    else:
        operations.ship(order, tracking_number=tracking_number, carrier=carrier, **given)


def correct_tracking(order: Order, **given: Any) -> None:
    parcel = order.shipments.last()
    if parcel is None:
        raise InvalidTransition(order.status, Status.SHIPPED, operations.ALLOWED[order.status])
    operations.correct_tracking(parcel, **given)


def deliver_one(parcel: Shipment, **given: Any) -> None:
    operations.deliver(parcel.order, parcel=parcel, **given)


def leads_to(status: str) -> Callable[[Order], bool]:
    return lambda order: status in operations.ALLOWED[order.status]


def has_units_to_send(order: Order) -> bool:
    return leads_to(Status.SHIPPED)(order) and any(line.units_to_send > 0 for line in order.lines.with_units())


def is_in(*states: str) -> Callable[[Any], bool]:
    return lambda subject: subject.status in states


@dataclass(frozen=True)
class Move:
    """`done` completes the sentence that begins with the order's number. `form` is called with data and `subject`."""

    label: str
    note: str
    done: str
    act: Callable[..., Any]
    allows: Callable[[Any], bool]
    form: Callable[..., Any] = MoveForm
    keep: str = "Back to the order"


MOVES = {
    "process": Move(
        "Start processing",
        "The buyer sees on the order's page that the parcel is being packed. No mail goes out.",
        "is being packed",
        operations.start_processing,
        leads_to(Status.PROCESSING),
    ),
    "ship": Move(
        "Ship units",
        "These units leave as one parcel and are taken off the stock. The buyer gets a mail that names them. "
        "What stays behind can go in another parcel.",
        "has a new parcel",
        ship,
        has_units_to_send,
        ShipForm,
    ),
    "deliver": Move(
        "Mark as delivered",
        "The buyer sees on the order's page that every parcel on its way has arrived, and gets a mail. "
        "A parcel that was lost stays lost.",
        "is delivered",
        operations.deliver,
        leads_to(Status.DELIVERED),
    ),
    "tracking": Move(
        "Correct tracking",
        "The buyer sees the new number of the last parcel on the order's page. No second mail goes out.",
        "has new tracking data",
        correct_tracking,
        is_in(Status.SHIPPED),
        CorrectTrackingForm,
    ),
    "drop": Move(
        "Take units off",
        "These units will not be sent and can be sold again. A refund of what was not paid online is only recorded: "
        "you send that money back yourself.",
        "has fewer units to send",
        operations.cancel_units,
        has_units_to_send,
        DropForm,
    ),
    "cancel": Move(
        "Cancel order",
        "Nothing will be sent, the goods can be sold again and the buyer gets a mail. This can't be undone.",
        "is cancelled",
        operations.cancel_order,
        lambda order: order.is_cancellable,
        ReasonForm,
        keep="Keep the order",
    ),
}

PARCEL_MOVES = {
    "send": Move(
        "Hand over",
        "The parcel leaves and its units are taken off the stock. The buyer gets a mail that names them.",
        "has a parcel on its way",
        operations.send,
        lambda parcel: parcel.is_waiting,
        TrackingForm,
    ),
    "unpack": Move(
        "Unpack",
        "The parcel is taken apart; its units can go in another one.",
        "has a parcel less",
        operations.unpack,
        lambda parcel: parcel.is_waiting,
    ),
    "deliver": Move(
        "Arrived",
        "The buyer sees that this parcel has arrived, and gets a mail.",
        "has a parcel that arrived",
        deliver_one,
        lambda parcel: parcel.status == Parcel.SHIPPED or (parcel.status == Parcel.LOST and not parcel.is_replaced),
    ),
    "lost": Move(
        "Lost",
        "The carrier lost this parcel. Then either send its contents again, or refund them on the payment's page.",
        "has a lost parcel",
        operations.lose,
        is_in(Parcel.SHIPPED),
    ),
    "replace": Move(
        "Send again",
        "The same units leave once more, are taken off the stock and cost the buyer nothing. A mail tells of it.",
        "has a new parcel in place of the lost one",
        operations.replace,
        lambda parcel: (
            parcel.status == Parcel.LOST and not parcel.is_replaced and parcel.order.status != Status.DELIVERED
        ),
        TrackingForm,
    ),
    "tracking": Move(
        "Tracking",
        "The buyer sees the new number on the order's page. No second mail goes out.",
        "has new tracking data",
        operations.correct_tracking,
        is_in(Parcel.SHIPPED),
        CorrectTrackingForm,
    ),
}

RETURN_MOVES = {
    "approve": Move(
        "Approve",
        "The buyer gets a mail that says where to send the units.",
        "has an approved return",
        operations.approve_return,
        is_in(Return.Status.REQUESTED),
    ),
    "receive": Move(
        "Receive",
        "What came is booked and its money goes back to the buyer. Enter 0 for what did not come.",
        "has its return booked",
        operations.receive_return,
        is_in(Return.Status.APPROVED),
        ReceiveForm,
    ),
    "reject": Move(
        "Reject",
        "The buyer gets a mail with your reason and keeps the units.",
        "has a rejected return",
        operations.reject_return,
        is_in(*Return.OPEN),
        RejectForm,
    ),
}


def allowed(moves: Mapping[str, Move], subject: Order | Shipment | Return) -> dict[str, Move]:
    """Those that the subject's state allows."""
    return {name: move for name, move in moves.items() if move.allows(subject)}


def refund_note(order: Order) -> str:
    """What cancelling the order does to the money, in one sentence."""
    if order.payment_status == PaymentStatus.REFUNDED:
        return "The money has been given back already."
    if order.payment_status in {PaymentStatus.PARTIALLY_PAID, PaymentStatus.PARTIALLY_REFUNDED}:
        amount = "What is left of the money paid"
    elif order.payment_status == PaymentStatus.AUTHORIZED:
        return f"{Money(order.total_minor, order.currency)} is set aside on the buyer's card and will be released."
    elif order.payment_status == PaymentStatus.PAID:
        amount = str(Money(order.total_minor, order.currency))
    else:
        return "Nothing has been paid, so nothing is refunded."
    if order.payment_method == Order.PaymentMethod.STRIPE:
        return f"{amount} will be refunded the way it was paid."
    return f"{amount} will be recorded as refunded; it was not paid online, so you send it back yourself."
