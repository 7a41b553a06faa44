"""Five messages of one payment in all their orders, and fifty copies at once: one state, one effect each."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
import requests
import stripe
from django.db import connections
from django.test import Client
from django.utils import timezone

from orders.models import Order
from payments import operations
from payments.models import Payment, PaymentEvent, Refund, WebhookEvent
from payments.providers.stripe import client
from shop.models import OutboxEvent

from .factories import place_order
from .sandbox import SECRET, Sandbox

KINDS = (
    "checkout.session.completed",
    "payment_intent.succeeded",
    "charge.refunded",
    "charge.dispute.created",
    "refund.updated",
)
REFUNDED, DISPUTED = 500, 700


def lived(sandbox: Sandbox) -> tuple[Payment, list[dict[str, Any]]]:
    """A payment that was paid, refunded in part by our wish and disputed, of which we have heard nothing so far."""
    payment = operations.start(place_order(), now=timezone.now())
    sandbox.pay(payment)
    session = client().v1.checkout.sessions.retrieve(payment.external_id or "")
    intent = str(session.payment_intent)
    client().v1.refunds.create({"payment_intent": intent, "amount": REFUNDED})
    answer = requests.post(
        f"{sandbox.url}/_sandbox/disputes", json={"payment_intent": intent, "amount": DISPUTED}, timeout=10
    )
    answer.raise_for_status()
    newest: dict[str, dict[str, Any]] = {}
    for event in client().v1.events.list({"types": list(KINDS), "limit": 100}).data:
        subject = event.data.object.to_dict()
        if intent in {subject.get("id"), subject.get("payment_intent")}:
            newest.setdefault(event.type, event.to_dict())
    assert set(newest) == set(KINDS)
    return payment, [newest[kind] for kind in KINDS]


def send(event: dict[str, Any]) -> int:
    body = json.dumps(event, default=str)
    signature = stripe.WebhookSignature.generate_signature_header(body, SECRET, int(timezone.now().timestamp()))
    try:
        headers = {"Stripe-Signature": signature}
        return Client().post("/webhooks/stripe", body, content_type="application/json", headers=headers).status_code
    finally:
        connections.close_all()


def state_of(payment: Payment) -> tuple[Any, ...]:
    payment.refresh_from_db()
    order = Order.objects.get(pk=payment.order_id)
    kinds = PaymentEvent.objects.filter(payment=payment).exclude(phase="request", kind="capture")
    told = OutboxEvent.objects.filter(payload__order_id=order.public_id, topic__in=("order.paid", "order.refunded"))
    return (
        (payment.status, payment.captured_minor, payment.refunded_minor, payment.disputed_minor),
        (order.status, order.payment_status),
        sorted(kinds.values_list("kind", "phase")),
        sorted(told.values_list("topic", flat=True)),
    )


def expected(payment: Payment) -> tuple[Any, ...]:
    return (
        ("captured", payment.amount_minor, REFUNDED, DISPUTED),
        ("confirmed", "partially_refunded"),
        [("capture", "success"), ("dispute", "request"), ("refund", "request"), ("refund", "success")],
        ["order.paid", "order.refunded"],
    )


@pytest.mark.slow
def test_all_orders_of_five_messages(sandbox: Sandbox) -> None:
    orders = list(permutations(range(len(KINDS))))
    assert len(orders) == 120
    for order in orders:
        payment, events = lived(sandbox)
        for place in order:
            assert send(events[place]) == 200
            operations.handle_webhooks(timezone.now())
        assert state_of(payment) == expected(payment), [KINDS[place] for place in order]
    # A dispute names a charge, which nobody knows before the first message of its payment: it was kept and tried again.
    operations.handle_webhooks(timezone.now() + timedelta(hours=1))
    assert not WebhookEvent.objects.filter(handled_at=None).exists()
    assert Refund.objects.count() == len(orders)


def test_fifty_copies_at_once(sandbox: Sandbox) -> None:
    payment, events = lived(sandbox)

    def handle(_: int) -> int:
        try:
            return operations.handle_webhooks(timezone.now())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(send, events * 10))
        handled = list(pool.map(handle, range(4)))
    assert answers == [200] * 50
    assert sum(handled) + operations.handle_webhooks(timezone.now() + timedelta(hours=1)) == len(KINDS)
    assert state_of(payment) == expected(payment)
    assert WebhookEvent.objects.count() == len(KINDS)
