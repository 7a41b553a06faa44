"""The verbs of money. Locks in this order: payment, order, reservation, stock. No provider is called under a lock."""

from .attempts import change_method, close_order, end_session, reconcile, settle, start
from .manual import record_manual_payment
from .refunds import preview_lines, refund, refund_amount, refund_lines, refund_order, refund_rest
from .shares import left_of, taxes_by_rate
from .webhooks import forget_webhooks, handle_webhooks, store_webhook

__all__ = [
    "change_method",
    "close_order",
    "end_session",
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
    "settle",
    "start",
    "store_webhook",
    "taxes_by_rate",
]
