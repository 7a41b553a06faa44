from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from orders import operations as orders
from orders.models import Order
from payments import operations
from payments.errors import RefundTooLarge
from payments.models import Payment
from shop import outbox
from shop.models import OutboxEvent

from .sandbox import Sandbox


def dispute(sandbox: Sandbox, payment: Payment, **more: Any) -> str:
    intent = payment.events.get(kind="capture", phase="success").external_ref
    made = requests.post(f"{sandbox.url}/_sandbox/disputes", json={"payment_intent": intent, **more}, timeout=10)
    made.raise_for_status()
    return str(made.json()["id"])


def close(sandbox: Sandbox, ident: str, status: str) -> None:
    requests.post(f"{sandbox.url}/_sandbox/disputes/{ident}", json={"outcome": status}, timeout=10).raise_for_status()


def settle(payment: Payment) -> tuple[Payment, Order]:
    payment = operations.settle(payment, now=timezone.now())
    return payment, Order.objects.get(pk=payment.order_id)


def problems() -> list[str]:
    return [event.payload["problem"] for event in OutboxEvent.objects.filter(topic="payment.mismatch").order_by("id")]


def test_opened_takes_the_money_and_tells_staff(sandbox: Sandbox, paid: Payment) -> None:
    dispute(sandbox, paid)
    payment, order = settle(paid)
    settle(paid)
    assert payment.disputed_minor == payment.captured_minor
    assert order.payment_status == "paid"  # nothing is decided
    assert len(problems()) == 1
    assert "disputes" in problems()[0]
    with pytest.raises(RefundTooLarge):
        operations.refund(payment, 1, reason="returned", key="disputed", now=timezone.now())


def test_lost_is_money_gone(sandbox: Sandbox, paid: Payment) -> None:
    ident = dispute(sandbox, paid)
    settle(paid)
    close(sandbox, ident, "lost")
    payment, order = settle(paid)
    assert (payment.disputed_minor, order.payment_status) == (payment.captured_minor, "refunded")
    assert "lost" in problems()[-1]


def test_won_is_money_back(sandbox: Sandbox, paid: Payment) -> None:
    ident = dispute(sandbox, paid, amount=1000)
    payment, _ = settle(paid)
    assert payment.disputed_minor == 1000
    close(sandbox, ident, "won")
    payment, order = settle(paid)
    assert (payment.disputed_minor, order.payment_status) == (0, "paid")
    assert "over" in problems()[-1]


def test_opened_and_lost_before_we_heard_of_it(sandbox: Sandbox, paid: Payment) -> None:
    close(sandbox, dispute(sandbox, paid, amount=700), "lost")
    payment, order = settle(paid)
    assert (payment.disputed_minor, order.payment_status) == (700, "partially_refunded")


def test_won_after_the_order_was_cancelled_goes_back_to_the_buyer(sandbox: Sandbox, paid: Payment) -> None:
    ident = dispute(sandbox, paid)
    settle(paid)
    orders.cancel_order(paid.order, actor="staff", reason="disputed", now=timezone.now())
    outbox.relay(timezone.now() + timedelta(seconds=1))
    close(sandbox, ident, "won")
    payment, order = settle(paid)
    assert payment.refunded_minor == payment.captured_minor
    assert order.payment_status == "refunded"


def test_a_message_of_it_is_enough(sandbox: Sandbox, paid: Payment) -> None:
    sandbox.set_webhooks("deliver")
    dispute(sandbox, paid)
    sandbox.wait_for_webhooks()
    operations.handle_webhooks(timezone.now() + timedelta(seconds=1))
    paid.refresh_from_db()
    assert paid.disputed_minor == paid.captured_minor
