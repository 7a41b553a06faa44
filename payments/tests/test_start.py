from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.db import connections, transaction
from django.utils import timezone

from orders import operations as orders
from orders.models import Order
from payments import operations
from payments.errors import NotPayable, ProviderUnavailable, TooManyAttempts
from payments.models import Payment
from payments.providers.stripe import client

from .factories import place_order
from .sandbox import Sandbox, wire_to

CLOSED_PORT = "http://127.0.0.1:9"


def session_of(payment: Payment) -> stripe.checkout.Session:
    return client().v1.checkout.sessions.retrieve(payment.external_id or "")


@pytest.mark.parametrize("options", [{}, {"prices_include_tax": False, "price_minor": 333, "quantity": 7}])
def test_provider_is_asked_for_exactly_the_total(sandbox: Sandbox, options: dict[str, Any]) -> None:
    order = place_order(**options)
    payment = operations.start(order, now=timezone.now())

    session = session_of(payment)
    assert session.amount_total == order.total_minor == payment.amount_minor
    assert session.currency == "eur"
    assert session.metadata is not None and session.metadata["order"] == order.public_id
    assert payment.redirect_url == session.url


def test_goods_are_promised_until_after_the_session(payment: Payment) -> None:
    payment.order.refresh_from_db()
    assert payment.expires_at is not None
    assert payment.order.payment_due_at == payment.expires_at + timedelta(minutes=2)


def test_starting_again_reuses_the_open_session(payment: Payment, since: Any) -> None:
    assert operations.start(payment.order, now=timezone.now()) == payment
    assert since("sessions") == 0


def test_ten_clicks_open_one_session(order: Order, since: Any) -> None:
    def click(_: int) -> int:
        try:
            return operations.start(order, now=timezone.now()).pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        payments = set(pool.map(click, range(10)))

    assert len(payments) == 1
    assert since("sessions") == 1


def test_provider_away_keeps_the_order_and_a_retry_opens_one_session(
    sandbox: Sandbox, order: Order, since: Any, settings: Any
) -> None:
    settings.STRIPE_API_BASE = CLOSED_PORT
    with pytest.raises(ProviderUnavailable) as caught:
        operations.start(order, now=timezone.now())
    assert caught.value.status == 503
    order.refresh_from_db()
    assert order.is_open_for_payment

    settings.STRIPE_API_BASE = sandbox.url
    payment = operations.start(order, now=timezone.now())
    assert order.payments.get() == payment
    assert since("sessions") == 1


def test_lost_answer_is_asked_for_again_with_the_same_key(
    sandbox: Sandbox, order: Order, since: Any, settings: Any
) -> None:
    with wire_to(sandbox) as wire:
        settings.STRIPE_API_BASE = wire.url
        wire.lose_answers = 3
        with pytest.raises(ProviderUnavailable):
            operations.start(order, now=timezone.now())
        assert since("sessions") == 1  # the fault struck after the effect

        payment = operations.start(order, now=timezone.now())

    assert len(wire.keys) == 4 and len(set(wire.keys)) == 1
    assert since("sessions") == 1
    settings.STRIPE_API_BASE = sandbox.url
    assert sandbox.pay(payment).status_code == 303
    assert operations.settle(payment, now=timezone.now()).status == "captured"


def stored_failure(sandbox: Sandbox, **more: Any) -> None:
    """The next session is made, and the answer to its key is a 500 from then on."""
    sandbox.set_faults(error_after={"only": "POST /v1/checkout/sessions", "at_most": 1}, **more)


def test_a_session_that_was_made_despite_the_answer_is_found(sandbox: Sandbox, order: Order, since: Any) -> None:
    stored_failure(sandbox)
    payment = operations.start(order, now=timezone.now())
    assert since("sessions") == 1
    sandbox.pay(payment)
    assert operations.settle(payment, now=timezone.now()).status == Payment.Status.CAPTURED


def test_one_that_could_not_be_looked_for_is_found_later(sandbox: Sandbox, order: Order, since: Any) -> None:
    stored_failure(sandbox, error_before={"only": "GET /v1/checkout/sessions", "at_most": 3})
    with pytest.raises(ProviderUnavailable):
        operations.start(order, now=timezone.now())
    assert operations.start(order, now=timezone.now()).redirect_url
    assert (since("sessions"), order.payments.count()) == (1, 1)


def test_a_stored_failure_without_a_session_gives_way_to_a_new_attempt(sandbox: Sandbox, order: Order) -> None:
    stored_failure(sandbox, error_before={"only": "GET /v1/checkout/sessions", "at_most": 3})
    with pytest.raises(ProviderUnavailable):
        operations.start(order, now=timezone.now())
    Payment.objects.update(expires_at=timezone.now() + timedelta(hours=3))  # looked for where there is none
    second = operations.start(order, now=timezone.now())
    assert session_of(second).status == "open"
    assert sorted(order.payments.values_list("status", flat=True)) == ["failed", "pending"]


def test_request_that_never_arrived_and_is_too_old_gives_way_to_a_new_one(
    sandbox: Sandbox, order: Order, settings: Any
) -> None:
    settings.STRIPE_API_BASE = CLOSED_PORT
    with pytest.raises(ProviderUnavailable):
        operations.start(order, now=timezone.now() - timedelta(minutes=10))

    settings.STRIPE_API_BASE = sandbox.url
    payment = operations.start(order, now=timezone.now())
    first, second = order.payments.order_by("id")
    assert (first.status, second) == ("failed", payment)
    assert payment.redirect_url


def test_order_that_was_paid_meanwhile_is_not_paid_again(sandbox: Sandbox, payment: Payment) -> None:
    sandbox.pay(payment)
    with pytest.raises(NotPayable):
        operations.start(payment.order, now=timezone.now())
    payment.order.refresh_from_db()
    assert payment.order.payment_status == "paid"


def test_cancelled_order_can_not_be_paid(order: Order) -> None:
    orders.cancel_order(order, actor="guest", reason="changed my mind", now=timezone.now())
    with pytest.raises(NotPayable):
        operations.start(order, now=timezone.now())


def test_order_cancelled_while_the_provider_was_asked_leaves_no_open_session(
    sandbox: Sandbox, order: Order, settings: Any
) -> None:
    with wire_to(sandbox) as wire:
        settings.STRIPE_API_BASE = wire.url
        wire.lose_answers = 3
        with pytest.raises(ProviderUnavailable):
            operations.start(order, now=timezone.now())
    settings.STRIPE_API_BASE = sandbox.url
    orders.cancel_order(order, actor="guest", reason="changed my mind", now=timezone.now())
    operations.close_order(order, now=timezone.now())
    assert order.payments.get().status == "voided"


def test_each_attempt_prolongs_the_reservation_so_they_are_counted(order: Order) -> None:
    now = timezone.now()
    for _ in range(10):
        operations.end_session(operations.start(order, now=now), now=now)
    with pytest.raises(TooManyAttempts):
        operations.start(order, now=now)


def test_no_provider_is_called_inside_a_transaction(payment: Payment) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        operations.settle(payment, now=timezone.now())


def test_other_method_ends_the_open_session(sandbox: Sandbox, payment: Payment) -> None:
    other = operations.change_method(payment.order, "invoice", now=timezone.now())

    payment.refresh_from_db()
    payment.order.refresh_from_db()
    assert (payment.status, other.provider, other.status) == ("voided", "invoice", "pending")
    assert session_of(payment).status == "expired"
    assert payment.order.payment_method == "invoice"
    assert payment.order.payment_due_at is not None
    assert payment.order.payment_due_at > timezone.now() + timedelta(days=6)


def test_other_method_for_what_was_just_paid_keeps_the_payment(sandbox: Sandbox, payment: Payment) -> None:
    sandbox.pay(payment)
    with pytest.raises(NotPayable):
        operations.change_method(payment.order, "invoice", now=timezone.now())
    payment.order.refresh_from_db()
    assert (payment.order.payment_status, payment.order.payment_method) == ("paid", "stripe")
