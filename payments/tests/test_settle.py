from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from inventory import operations as inventory
from inventory.models import StockItem
from orders import operations as orders
from orders.models import Order
from payments import operations
from payments.models import Payment, Refund
from payments.providers.stripe import client
from shop.models import OutboxEvent

from .factories import place_order
from .sandbox import DECLINED, NEEDS_3DS, Sandbox


def settle(payment: Payment) -> Payment:
    return operations.settle(payment, now=timezone.now())


def told(topic: str) -> list[dict[str, Any]]:
    return [event.payload for event in OutboxEvent.objects.filter(topic=topic)]


def captures(payment: Payment) -> int:
    return payment.events.filter(kind="capture", phase="success").count()


def test_approved_card_confirms_the_order(sandbox: Sandbox, payment: Payment) -> None:
    sandbox.pay(payment)
    payment = settle(payment)

    order = Order.objects.get(pk=payment.order_id)
    assert (payment.status, payment.captured_minor) == ("captured", order.total_minor)
    assert (order.status, order.payment_status, order.payment_due_at) == ("confirmed", "paid", None)


def test_unpaid_session_changes_nothing(payment: Payment) -> None:
    assert settle(payment).status == "pending"
    payment.order.refresh_from_db()
    assert payment.order.payment_status == "pending"


def test_declined_then_approved(sandbox: Sandbox, payment: Payment) -> None:
    assert sandbox.pay(payment, DECLINED).status_code == 402
    assert settle(payment).status == "pending"
    assert settle(payment).status == "pending"
    decline = payment.events.get(kind="authorize", phase="failure")
    assert decline.payload == {"code": "insufficient_funds"}

    sandbox.pay(payment)
    assert settle(payment).status == "captured"


def test_failed_authentication_can_be_repeated(sandbox: Sandbox, payment: Payment) -> None:
    sandbox.pay(payment, NEEDS_3DS)
    assert settle(payment).status == "pending"
    sandbox.authenticate(payment, "fail")
    assert settle(payment).status == "pending"
    sandbox.pay(payment, NEEDS_3DS)
    sandbox.authenticate(payment, "complete")
    assert settle(payment).status == "captured"


def test_ten_at_a_time_capture_once(sandbox: Sandbox, payment: Payment) -> None:
    sandbox.pay(payment)

    def ask(_: int) -> str:
        try:
            return settle(payment).status
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(ask, range(10))) == {"captured"}
    assert captures(payment) == 1
    assert payment.order.events.filter(type="paid").count() == 1
    assert len(told("order.paid")) == 1


def test_expired_session_frees_nothing_by_itself_and_tells_the_buyer(payment: Payment) -> None:
    client().v1.checkout.sessions.expire(payment.external_id or "")
    assert settle(payment).status == "expired"

    order = Order.objects.get(pk=payment.order_id)
    assert order.payment_status == "failed"
    assert order.is_open_for_payment
    assert [event["payment_id"] for event in told("payment.failed")] == [payment.public_id]


def test_failed_payment_can_be_made_anew(sandbox: Sandbox, payment: Payment) -> None:
    client().v1.checkout.sessions.expire(payment.external_id or "")
    settle(payment)
    again = operations.start(payment.order, now=timezone.now())
    assert again != payment
    sandbox.pay(again)
    settle(again)
    payment.order.refresh_from_db()
    assert payment.order.payment_status == "paid"


# --- What is not this payment


def replace_session(payment: Payment, **changes: Any) -> Payment:
    """Points the payment at a session that differs from what was asked for, as a mix-up or an attacker would."""
    parameters = payment.events.get(phase="request").payload
    session = client().v1.checkout.sessions.create(parameters | changes)
    payment.external_id, payment.redirect_url = session.id, session.url or ""
    payment.save()
    return payment


def lines(amount: int, currency: str) -> list[dict[str, Any]]:
    price = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Mug"}}
    return [{"price_data": price, "quantity": 1}]


@pytest.mark.parametrize("wrong", ["amount", "currency", "order"])
def test_other_amount_currency_or_order_changes_nothing_and_alerts(
    sandbox: Sandbox, payment: Payment, wrong: str
) -> None:
    total = payment.amount_minor
    changes: dict[str, dict[str, Any]] = {
        "amount": {"line_items": lines(total - 1, "eur")},
        "currency": {"line_items": lines(total, "usd")},
        "order": {"metadata": {"order": place_order().public_id, "payment": payment.public_id}},
    }
    replace_session(payment, **changes[wrong])
    assert sandbox.pay(payment).status_code == 303

    assert settle(payment).status == "pending"
    settle(payment)
    order = Order.objects.get(pk=payment.order_id)
    assert (order.status, order.payment_status, captures(payment)) == ("pending", "pending", 0)
    assert len(told("payment.mismatch")) == 1
    assert wrong in told("payment.mismatch")[0]["problem"]


def test_test_money_does_not_pay_a_live_shop(sandbox: Sandbox, payment: Payment, settings: Any) -> None:
    sandbox.pay(payment)
    # A key that the sandbox takes and that says "live" as Stripe's own do.
    settings.STRIPE_SECRET_KEY = "sk_test_live_key"
    assert settle(payment).status == "pending"
    assert [event["problem"] for event in told("payment.mismatch")] == ["test money and real money are mixed"]


def test_session_unknown_to_the_provider_alerts(payment: Payment) -> None:
    payment.external_id = "cs_test_of_another_account"
    payment.save()
    assert settle(payment).status == "pending"
    assert len(told("payment.mismatch")) == 1


# --- Money that comes too late


def test_late_payment_of_a_cancelled_order_goes_back(sandbox: Sandbox, payment: Payment, since: Any) -> None:
    orders.cancel_order(payment.order, actor="guest", reason="changed my mind", now=timezone.now())
    sandbox.pay(payment)
    payment = settle(payment)

    order = Order.objects.get(pk=payment.order_id)
    assert (payment.captured_minor, payment.refunded_minor) == (order.total_minor, order.total_minor)
    assert (order.status, order.payment_status) == ("cancelled", "refunded")
    assert since("refunds", "succeeded") == 1
    assert [event["reason"] for event in told("payment.orphaned")] == ["invalid_transition"]
    assert [event["amount_minor"] for event in told("order.refunded")] == [order.total_minor]


def test_payment_for_goods_that_are_gone_goes_back(sandbox: Sandbox, payment: Payment, since: Any) -> None:
    sku = payment.order.lines.get().sku
    with transaction.atomic():
        inventory.release(payment.order.reference)
        inventory.set_available(sku, 0, reason="stock-take", actor="staff")
    sandbox.pay(payment)
    payment = settle(payment)

    order = Order.objects.get(pk=payment.order_id)
    assert (order.status, order.payment_status) == ("cancelled", "refunded")
    assert payment.refunded_minor == order.total_minor
    assert since("refunds", "succeeded") == 1
    assert [event["reason"] for event in told("payment.orphaned")] == ["insufficient_stock"]


def test_payment_for_goods_that_are_gone_is_not_called_uncharged(sandbox: Sandbox, payment: Payment) -> None:
    """While the refund is under way: mails and pages go by this."""
    sku = payment.order.lines.get().sku
    with transaction.atomic():
        inventory.release(payment.order.reference)
        inventory.set_available(sku, 0, reason="stock-take", actor="staff")
    sandbox.pay(payment)
    sandbox.set_faults(error_before={"only": "POST /v1/refunds"})
    settle(payment)
    order = Order.objects.get(pk=payment.order_id)
    assert (order.status, order.payment_status) == ("cancelled", "paid")
    sandbox.set_faults(error_before=None)
    settle(payment)
    order.refresh_from_db()
    assert order.payment_status == "refunded"


def test_reservation_that_has_gone_is_made_anew_while_there_is_stock(sandbox: Sandbox, payment: Payment) -> None:
    with transaction.atomic():
        inventory.release(payment.order.reference)
    sandbox.pay(payment)
    settle(payment)
    order = Order.objects.get(pk=payment.order_id)
    assert (order.status, order.payment_status) == ("confirmed", "paid")
    assert StockItem.objects.get(sku=order.lines.get().sku).reserved == 2


def test_order_paid_twice_gives_the_second_payment_back(sandbox: Sandbox, payment: Payment, since: Any) -> None:
    # Two sessions at once can only come from a race that the locks shut out: made by hand here.
    request = payment.events.get(phase="request")
    second = Payment.objects.create(
        order=payment.order, provider="stripe", currency="EUR", amount_minor=payment.amount_minor
    )
    metadata = {"order": payment.order.public_id, "payment": second.public_id}
    session = client().v1.checkout.sessions.create({**request.payload, "metadata": metadata})
    second.external_id, second.redirect_url = session.id, session.url or ""
    second.save()
    sandbox.pay(payment)
    sandbox.pay(second)

    settle(payment)
    second.refresh_from_db()
    payment.order.refresh_from_db()
    assert (second.captured_minor, second.refunded_minor) == (second.amount_minor, second.amount_minor)
    assert payment.order.payment_status == "paid"
    assert [event["reason"] for event in told("payment.orphaned")] == ["paid_twice"]
    assert since("refunds", "succeeded") == 1


def test_paying_ends_the_other_open_session(sandbox: Sandbox, payment: Payment) -> None:
    other = Payment.objects.create(
        order=payment.order, provider="stripe", currency="EUR", amount_minor=payment.amount_minor
    )
    sandbox.pay(payment)
    settle(payment)
    other.refresh_from_db()
    assert other.status == "voided"


# --- Ending


def test_ended_session_can_not_be_paid(sandbox: Sandbox, payment: Payment) -> None:
    assert operations.end_session(payment, now=timezone.now()).status == "voided"
    assert sandbox.pay(payment).status_code == 410
    assert told("payment.failed") == []


def test_ending_what_is_already_paid_settles_it(sandbox: Sandbox, payment: Payment) -> None:
    sandbox.pay(payment)
    assert operations.end_session(payment, now=timezone.now()).status == "captured"
    payment.order.refresh_from_db()
    assert payment.order.payment_status == "paid"


def test_a_late_word_of_the_end_does_not_lower_a_captured_payment(paid: Payment) -> None:
    assert operations.end_session(paid, now=timezone.now()).status == "captured"
    assert settle(paid).status == "captured"
    assert not Refund.objects.exists()


def test_ended_twice_is_ended_once(payment: Payment) -> None:
    now = timezone.now()
    operations.end_session(payment, now=now)
    operations.end_session(payment, now=now + timedelta(seconds=1))
    assert payment.events.filter(kind="void").count() == 1
