"""The verbs of money. Locks in this order: payment, order, reservation, stock. No provider is called under a lock."""

from .attempts import change_method, close_order, start
from .captures import capture, capture_order, void
from .catching_up import find_orphans, reconcile
from .manual import record_manual_payment
from .refunds import preview_lines, refund, refund_amount, refund_lines, refund_order, refund_rest, refund_return
from .settling import end_session, settle
from .shares import left_of, taxes_by_rate
from .webhooks import forget_webhooks, handle_webhooks, store_webhook

__all__ = [
    "capture",
    "capture_order",
    "change_method",
    "close_order",
    "end_session",
    "find_orphans",
    "forget_webhooks",
    "handle_webhooks",
    "left_of",
    "preview_lines",
    "reconcile",
    "record_manual_payment",
    "refund",
    "refund_amount",
    "refund_lines",
    "refund_order",
    "refund_rest",
    "refund_return",
    "settle",
    "start",
    "store_webhook",
    "taxes_by_rate",
    "void",
]
