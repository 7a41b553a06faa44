from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from orders import operations as orders
from payments import operations
from payments.errors import RefundTooLarge
from payments.models import Payment, Refund
from payments.providers.stripe import client
from shop import outbox
from shop.errors import Conflict
from shop.models import OutboxEvent

from .sandbox import Sandbox, wire_to

CLOSED_PORT = "http://127.0.0.1:9"


def refund(payment: Payment, amount: int, key: str) -> Refund:
    return operations.refund(payment, amount, reason="returned", key=key, now=timezone.now())


def test_part_then_rest(paid: Payment, since: Any) -> None:
    part = refund(paid, 1000, "first")
    paid.order.refresh_from_db()
    assert (part.status, paid.order.payment_status) == ("succeeded", "partially_refunded")

    operations.refund_order(paid.order, reason="returned", now=timezone.now())
    paid.refresh_from_db()
    paid.order.refresh_from_db()
    assert paid.refunded_minor == paid.captured_minor
    assert paid.order.payment_status == "refunded"
    assert since("refunds", "succeeded") == 2
    assert OutboxEvent.objects.filter(topic="order.refunded").count() == 2


def test_sixty_and_sixty_of_a_hundred(paid: Payment, since: Any) -> None:
    sixty = paid.captured_minor * 6 // 10

    def give_back(key: str) -> str:
        try:
            return refund(paid, sixty, key).status
        except RefundTooLarge:
            return "refused"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(give_back, [f"key {number}" for number in range(8)]))
    assert outcomes == ["refused"] * 7 + ["succeeded"]
    assert since("refunds") == 1


def test_same_key_is_one_refund(paid: Payment, since: Any) -> None:
    assert refund(paid, 500, "once") == refund(paid, 500, "once")
    with pytest.raises(Conflict):
        refund(paid, 600, "once")
    assert since("refunds") == 1


def test_nothing_is_refunded_before_it_was_captured(payment: Payment) -> None:
    with pytest.raises(RefundTooLarge):
        refund(payment, 1, "early")


def test_lost_answer_is_found_by_the_reconciler(sandbox: Sandbox, paid: Payment, since: Any, settings: Any) -> None:
    with wire_to(sandbox) as wire:
        settings.STRIPE_API_BASE = wire.url
        wire.lose_answers = 3
        assert refund(paid, 500, "lost").status == "requested"
    assert since("refunds") == 1  # the fault struck after the effect

    settings.STRIPE_API_BASE = sandbox.url
    operations.reconcile(timezone.now() + timedelta(minutes=2))
    assert Refund.objects.get().status == "succeeded"
    assert since("refunds") == 1


def test_provider_away_counts_as_promised_and_is_sent_later(
    sandbox: Sandbox, paid: Payment, since: Any, settings: Any
) -> None:
    settings.STRIPE_API_BASE = CLOSED_PORT
    assert refund(paid, paid.captured_minor, "away").status == "requested"
    with pytest.raises(RefundTooLarge):
        refund(paid, 1, "more")

    settings.STRIPE_API_BASE = sandbox.url
    operations.reconcile(timezone.now() + timedelta(minutes=2))
    paid.order.refresh_from_db()
    assert paid.order.payment_status == "refunded"
    assert since("refunds") == 1


def test_refund_made_at_the_provider_is_taken_over(paid: Payment) -> None:
    intent = paid.events.get(kind="capture", phase="success").external_ref
    client().v1.refunds.create({"payment_intent": intent, "amount": 700})

    operations.settle(paid, now=timezone.now())
    paid.refresh_from_db()
    paid.order.refresh_from_db()
    assert (paid.refunded_minor, paid.order.payment_status) == (700, "partially_refunded")
    assert Refund.objects.get().reason == "made at the provider"


def test_refused_refund_is_told_and_frees_its_amount(paid: Payment) -> None:
    intent = paid.events.get(kind="capture", phase="success").external_ref
    client().v1.refunds.create({"payment_intent": intent})

    made = refund(paid, 500, "too late")
    assert made.status == "failed"
    assert OutboxEvent.objects.filter(topic="payment.mismatch").count() == 1
    operations.settle(paid, now=timezone.now())
    paid.refresh_from_db()
    assert paid.refunded_minor == paid.captured_minor


def test_cancelling_a_paid_order_refunds_it_once(paid: Payment, since: Any) -> None:
    orders.cancel_order(paid.order, actor="guest", reason="changed my mind", now=timezone.now())
    outbox.relay(timezone.now() + timedelta(seconds=1))
    operations.close_order(paid.order, now=timezone.now())

    paid.order.refresh_from_db()
    assert (paid.order.status, paid.order.payment_status) == ("cancelled", "refunded")
    assert since("refunds") == 1


def test_cancelling_an_unpaid_order_ends_its_session(sandbox: Sandbox, payment: Payment) -> None:
    orders.cancel_order(payment.order, actor="guest", reason="changed my mind", now=timezone.now())
    outbox.relay(timezone.now() + timedelta(seconds=1))

    payment.refresh_from_db()
    assert payment.status == "voided"
    assert sandbox.pay(payment).status_code == 410
