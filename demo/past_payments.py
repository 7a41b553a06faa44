"""The demo's card payments, told to the stand-in for the payment provider: else it could give none of them back."""

import json
from pathlib import Path
from typing import Any

from payments.models import Payment, Refund

PREFIX = "cs_demo_"


def write_past_payments(path: Path) -> int:
    """Writes every card payment of the demo's past, a JSON object a line as `sandbox/past.py` reads it; how many."""
    paid = Payment.objects.filter(external_id__startswith=PREFIX, captured_minor__gt=0).order_by("created_at")
    lines = [
        json.dumps(_told(payment)) for payment in paid.select_related("order").prefetch_related("events", "refunds")
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(lines)


def _told(payment: Payment) -> dict[str, Any]:
    order = payment.order
    capture = next(event for event in payment.events.all() if event.kind == "capture" and event.phase == "success")
    return {
        "session": payment.external_id,
        "payment_intent": capture.external_ref,
        "amount": payment.captured_minor,
        "currency": payment.currency.lower(),
        "email": order.email,
        "at": int(capture.created_at.timestamp()),
        "reference": order.public_id,
        "metadata": {"order": order.public_id, "payment": payment.public_id, "number": order.number},
        "refunds": [_refund(refund, order.public_id, payment.public_id) for refund in payment.refunds.all()],
    }


def _refund(refund: Refund, order: str, payment: str) -> dict[str, Any]:
    return {
        "id": refund.external_id,
        "amount": refund.amount_minor,
        "at": int(refund.created_at.timestamp()),
        "metadata": {"refund": refund.public_id, "payment": payment, "order": order},
    }
