"""An order's life once its price is agreed. Each verb locks the order, writes an event and touches stock last."""

from .journal import ALLOWED, SYSTEM
from .owners import join_orders
from .parcels import correct_tracking, deliver, ship
from .payment import change_payment_method, confirm, extend_payment_due, mark_paid, record_payment_status
from .placing import Contact, create_order, new_number
from .status import cancel_order, note_mail, set_status, start_processing

__all__ = [
    "ALLOWED",
    "SYSTEM",
    "Contact",
    "cancel_order",
    "change_payment_method",
    "confirm",
    "correct_tracking",
    "create_order",
    "deliver",
    "extend_payment_due",
    "join_orders",
    "mark_paid",
    "new_number",
    "note_mail",
    "record_payment_status",
    "set_status",
    "ship",
    "start_processing",
]
