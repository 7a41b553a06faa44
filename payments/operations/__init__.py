"""The verbs of money. Locks in this order: payment, order, reservation, stock. No provider is called under a lock."""

from .attempts import change_method, close_order, start
from .captures import capture, capture_order, void
from .catching_up import find_orphans, reconcile
from .manual import record_manual_payment
from .mismatches import Difference, accept, compare, give_back
from .refunds import (
    preview_amount,
    preview_lines,
    refund,
    refund_amount,
    refund_left,
    refund_lines,
    refund_order,
    refund_rest,
)
from .returns import finish_return, refund_cancelled_units, refund_units
from .settling import end_session, settle
from .shares import Part, Shares, left_of, taxes_by_rate
from .webhooks import forget_webhooks, handle_webhooks, store_webhook

__all__ = [
    "Difference",
    "Part",
    "Shares",
    "accept",
    "capture",
    "capture_order",
    "change_method",
    "close_order",
    "compare",
    "end_session",
    "find_orphans",
    "finish_return",
    "forget_webhooks",
    "give_back",
    "handle_webhooks",
    "left_of",
    "preview_amount",
    "preview_lines",
    "reconcile",
    "record_manual_payment",
    "refund",
    "refund_amount",
    "refund_cancelled_units",
    "refund_left",
    "refund_lines",
    "refund_order",
    "refund_rest",
    "refund_units",
    "settle",
    "start",
    "store_webhook",
    "taxes_by_rate",
    "void",
]
