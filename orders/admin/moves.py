"""What staff do with an order: a link on its page, a form behind the link, a verb behind the form."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from orders import operations
from orders.errors import InvalidTransition
from orders.models import Order
from shop.money import Money

Status, PaymentStatus = Order.Status, Order.PaymentStatus


class ConfirmForm(forms.Form):
    """Only asks."""


class TrackingForm(forms.Form):
    carrier = forms.CharField(max_length=60, required=False, widget=UnfoldAdminTextInputWidget)
    tracking_number = forms.CharField(
        max_length=100,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Leave both empty for a parcel that can't be followed.",
    )


class CancelForm(forms.Form):
    reason = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="For the order's history; the mail doesn't show it.",
    )


def correct_tracking(order: Order, **given: Any) -> None:
    parcel = order.shipments.last()
    if parcel is None:
        raise InvalidTransition(order.status, Status.SHIPPED, operations.ALLOWED[order.status])
    operations.correct_tracking(parcel, **given)


@dataclass(frozen=True)
class Move:
    label: str
    note: str
    done: str
    act: Callable[..., Any]
    leads_to: str
    form: type[forms.Form] = ConfirmForm
    keep: str = "Back to the order"


MOVES = {
    "process": Move(
        "Start processing",
        "The buyer sees on the order's page that the parcel is being packed. No mail goes out.",
        "is being packed",
        operations.start_processing,
        Status.PROCESSING,
    ),
    "ship": Move(
        "Mark as shipped",
        "Everything ordered leaves as one parcel and is taken off the stock. The buyer gets a mail with this number.",
        "is shipped",
        operations.ship,
        Status.SHIPPED,
        TrackingForm,
    ),
    "deliver": Move(
        "Mark as delivered",
        "The buyer sees on the order's page that the parcel has arrived, and gets a mail.",
        "is delivered",
        operations.deliver,
        Status.DELIVERED,
    ),
    "tracking": Move(
        "Correct tracking",
        "The buyer sees the new number on the order's page. No second mail goes out.",
        "has new tracking data",
        correct_tracking,
        Status.SHIPPED,
        TrackingForm,
    ),
    "cancel": Move(
        "Cancel order",
        "Nothing will be sent, the goods can be sold again and the buyer gets a mail. This can't be undone.",
        "is cancelled",
        operations.cancel_order,
        Status.CANCELLED,
        CancelForm,
        keep="Keep the order",
    ),
}


def moves_of(order: Order) -> dict[str, Move]:
    """Those that the order's state allows."""

    def allows(name: str, move: Move) -> bool:
        if name == "tracking":
            return order.status == Status.SHIPPED
        if name == "cancel":
            return order.is_cancellable
        return move.leads_to in operations.ALLOWED[order.status]

    return {name: move for name, move in MOVES.items() if allows(name, move)}


def refund_note(order: Order) -> str:
    """What cancelling the order does to the money, in one sentence."""
    if order.payment_status == PaymentStatus.REFUNDED:
        return "The money has been given back already."
    if order.payment_status in {PaymentStatus.PARTIALLY_PAID, PaymentStatus.PARTIALLY_REFUNDED}:
        amount = "What is left of the money paid"
    elif order.payment_status in {PaymentStatus.PAID, PaymentStatus.AUTHORIZED}:
        amount = str(Money(order.total_minor, order.currency))
    else:
        return "Nothing has been paid, so nothing is refunded."
    if order.payment_method == Order.PaymentMethod.STRIPE:
        return f"{amount} will be refunded the way it was paid."
    return f"{amount} will be recorded as refunded; it was not paid online, so you send it back yourself."
