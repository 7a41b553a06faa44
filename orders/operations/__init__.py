"""An order's life once its price is agreed. Each verb locks the order, writes an event and touches stock last."""

from .edits import change_address, note_edit, rewrite, summary
from .journal import ALLOWED, SYSTEM
from .owners import join_orders
from .parcels import (
    cancel_units,
    correct_tracking,
    deliver,
    lose,
    pack,
    prepare,
    replace,
    send,
    ship,
    ship_units,
    unpack,
)
from .payment import change_payment_method, confirm, extend_payment_due, mark_paid, record_payment_status
from .placing import Contact, create_order, new_number
from .returns import (
    ALLOWED_RETURNS,
    ReturnItem,
    approve_return,
    mark_return_refunded,
    receive_return,
    reject_return,
    request_return,
)
from .status import cancel_order, note_mail, set_status, start_processing

__all__ = [
    "ALLOWED",
    "ALLOWED_RETURNS",
    "SYSTEM",
    "Contact",
    "ReturnItem",
    "approve_return",
    "cancel_order",
    "cancel_units",
    "change_address",
    "change_payment_method",
    "confirm",
    "correct_tracking",
    "create_order",
    "deliver",
    "extend_payment_due",
    "join_orders",
    "lose",
    "mark_paid",
    "mark_return_refunded",
    "new_number",
    "note_edit",
    "note_mail",
    "pack",
    "prepare",
    "receive_return",
    "record_payment_status",
    "reject_return",
    "replace",
    "request_return",
    "rewrite",
    "send",
    "set_status",
    "ship",
    "ship_units",
    "start_processing",
    "summary",
    "unpack",
]
