"""Money that is authorised at the checkout and taken later, in whole, in part or not at all."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from orders import operations as orders
from orders.models import Order
from payments import operations
from payments.errors import NotCapturable
from payments.models import Payment
from payments.providers.stripe import client
from shop import outbox
from shop.errors import InvalidInput
from shop.models import OutboxEvent

from .factories import place_order
from .sandbox import Sandbox

CLOSED_PORT = "http://127.0.0.1:9"
SOON = timedelta(minutes=2)


@pytest.fixture(autouse=True)
def manual(settings: Any) -> None:
    settings.SHOP_CAPTURE = "manual"


@pytest.fixture
def authorized(sandbox: Sandbox, payment: Payment) -> Payment:
    assert sandbox.pay(payment).status_code == 303
    return operations.settle(payment, now=timezone.now())


def capture(payment: Payment, amount: int | None = None) -> Payment:
    return operations.capture(payment, amount, actor="staff", now=timezone.now())


def void(payment: Payment) -> Payment:
    return operations.void(payment, actor="staff", now=timezone.now())


def order_of(payment: Payment) -> Order:
    return Order.objects.get(pk=payment.order_id)


def intent_of(payment: Payment) -> Any:
    reference = payment.events.get(kind="authorize", phase="success").external_ref
    return client().v1.payment_intents.retrieve(reference)


def test_authorised_money_confirms_the_order(authorized: Payment) -> None:
    order = order_of(authorized)
    assert (authorized.status, authorized.captured_minor) == ("authorized", 0)
    assert (order.status, order.payment_status, order.payment_due_at) == ("confirmed", "authorized", None)
    assert authorized.capture_before is not None
    assert not OutboxEvent.objects.filter(topic="order.paid").exists()


def test_captured_in_full_is_paid(authorized: Payment) -> None:
    assert capture(authorized).status == "captured"
    assert order_of(authorized).payment_status == "paid"
    assert OutboxEvent.objects.filter(topic="order.paid").count() == 1
    assert intent_of(authorized).amount_received == authorized.amount_minor
    with pytest.raises(NotCapturable):
        capture(authorized)


def test_captured_in_part_is_partially_paid(authorized: Payment) -> None:
    part = capture(authorized, 1000)
    assert (part.status, part.captured_minor) == ("partially_captured", 1000)
    assert order_of(authorized).payment_status == "partially_paid"
    assert intent_of(authorized).amount_received == 1000

    operations.refund_order(part.order, reason="after all", now=timezone.now())
    part.refresh_from_db()
    assert part.refunded_minor == 1000
    assert order_of(authorized).payment_status == "refunded"


@pytest.mark.parametrize("amount", [0, -1, 10**6])
def test_another_amount_than_was_authorised(authorized: Payment, amount: int) -> None:
    with pytest.raises(InvalidInput):
        capture(authorized, amount)


def test_voided(authorized: Payment) -> None:
    assert void(authorized).status == "voided"
    assert order_of(authorized).payment_status == "voided"
    assert intent_of(authorized).status == "canceled"
    with pytest.raises(NotCapturable):
        capture(authorized)


def test_the_first_parcel_takes_the_money(authorized: Payment) -> None:
    orders.ship(authorized.order, actor="staff", now=timezone.now())
    outbox.relay(timezone.now() + timedelta(seconds=1))
    authorized.refresh_from_db()
    assert authorized.status == "captured"
    assert order_of(authorized).payment_status == "paid"


def test_cancelling_lets_the_money_go(authorized: Payment) -> None:
    orders.cancel_order(authorized.order, actor="guest", reason="changed my mind", now=timezone.now())
    outbox.relay(timezone.now() + timedelta(seconds=1))
    authorized.refresh_from_db()
    order = order_of(authorized)
    assert (authorized.status, order.status, order.payment_status) == ("voided", "cancelled", "voided")
    assert authorized.refunded_minor == 0
    assert not authorized.refunds.exists()


def test_a_capture_that_could_not_be_sent_arrives_later(sandbox: Sandbox, authorized: Payment, settings: Any) -> None:
    settings.STRIPE_API_BASE = CLOSED_PORT
    assert capture(authorized, 1500).status == "authorized"
    with pytest.raises(NotCapturable):
        void(authorized)
    with pytest.raises(NotCapturable):
        capture(authorized, 1600)

    settings.STRIPE_API_BASE = sandbox.url
    operations.reconcile(timezone.now() + SOON)
    authorized.refresh_from_db()
    assert authorized.captured_minor == 1500


def test_what_staff_did_at_the_provider_is_taken_over(authorized: Payment) -> None:
    client().v1.payment_intents.capture(intent_of(authorized).id, {"amount_to_capture": 900})
    settled = operations.settle(authorized, now=timezone.now())
    assert (settled.status, settled.captured_minor) == ("partially_captured", 900)


def test_what_staff_did_before_we_heard_of_the_payment(sandbox: Sandbox, payment: Payment) -> None:
    sandbox.pay(payment)
    session = client().v1.checkout.sessions.retrieve(payment.external_id or "")
    client().v1.payment_intents.capture(str(session.payment_intent), {"amount_to_capture": 900})
    settled = operations.settle(payment, now=timezone.now())
    assert (settled.status, settled.captured_minor) == ("partially_captured", 900)
    assert (order_of(payment).status, order_of(payment).payment_status) == ("confirmed", "partially_paid")


def test_an_authorisation_that_lapsed_is_told_to_staff(authorized: Payment) -> None:
    client().v1.payment_intents.cancel(intent_of(authorized).id)
    assert operations.settle(authorized, now=timezone.now()).status == "expired"
    assert order_of(authorized).payment_status == "voided"
    assert OutboxEvent.objects.filter(topic="payment.mismatch").count() == 1


def test_staff_are_warned_once_before_it_lapses(authorized: Payment) -> None:
    assert authorized.capture_before
    for _ in range(2):
        operations.reconcile(authorized.capture_before - timedelta(hours=30))
    assert "capture or release it" in OutboxEvent.objects.get(topic="payment.mismatch").payload["problem"]


def test_a_second_card_is_let_go(sandbox: Sandbox, authorized: Payment) -> None:
    """The order needs no second authorisation: what arrives after it was confirmed goes back at once."""
    other = Payment.objects.create(
        order=authorized.order, provider="stripe", currency="EUR", amount_minor=authorized.amount_minor
    )
    assert order_of(other).payment_status == "authorized"
    operations.end_session(other, now=timezone.now())
    other.refresh_from_db()
    assert other.status == "voided"
    assert order_of(other).payment_status == "authorized"


def test_goods_that_are_gone_let_the_money_go(sandbox: Sandbox) -> None:
    order = place_order()
    payment = operations.start(order, now=timezone.now())
    sandbox.pay(payment)
    orders.cancel_order(order, actor="guest", reason="changed my mind", now=timezone.now())
    operations.settle(payment, now=timezone.now())
    payment.refresh_from_db()
    assert payment.status == "voided"


def test_the_buyer_comes_back_to_the_order(sandbox: Sandbox, payment: Payment, client: Client) -> None:
    sandbox.pay(payment)
    query = f"?token={payment.order.access_token}"
    back = client.get(reverse("payments:return_", args=[payment.order.public_id]) + query)
    assert back["Location"].startswith(payment.order.get_absolute_url())
    assert order_of(payment).payment_status == "authorized"


def test_staff_take_a_part_or_let_it_go(authorized: Payment, client: Client) -> None:
    client.force_login(User.objects.create_superuser(email="staff@example.com", password="a fine long passphrase"))
    page = client.get(reverse("admin:payments_payment_change", args=[authorized.pk])).content.decode()
    assert reverse("admin:payments_payment_capture", args=[authorized.pk]) in page
    assert "goes back to the buyer" in client.get(f"/admin/payments/payment/{authorized.pk}/capture/").content.decode()
    assert client.post(f"/admin/payments/payment/{authorized.pk}/capture/", {"amount": "10.00"}).status_code == 302
    authorized.refresh_from_db()
    assert authorized.captured_minor == 1000
    assert client.post(f"/admin/payments/payment/{authorized.pk}/release/").status_code == 302
    authorized.refresh_from_db()
    assert authorized.status == "partially_captured"
