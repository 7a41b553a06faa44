from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from orders import operations as orders
from orders.models import Order
from payments import operations
from payments.errors import ProviderUnavailable
from payments.models import Payment

from .factories import place_order
from .sandbox import Sandbox

SOON = timedelta(minutes=2)
CLOSED_PORT = "http://127.0.0.1:9"


def test_no_redirect_and_no_webhook(sandbox: Sandbox, payment: Payment) -> None:
    sandbox.pay(payment)
    sandbox.wait_for_webhooks()
    assert sandbox.state()["webhooks"]["dropped"]  # the fault struck

    assert operations.reconcile(timezone.now()) == 0  # the buyer has only just left
    assert operations.reconcile(timezone.now() + SOON) == 1
    payment.order.refresh_from_db()
    assert payment.order.payment_status == "paid"


def test_what_is_settled_is_not_asked_about(paid: Payment) -> None:
    assert operations.reconcile(timezone.now() + SOON) == 0


def test_begins_what_was_promised_while_the_provider_was_away(
    sandbox: Sandbox, order: Order, settings: Any, since: Any
) -> None:
    settings.STRIPE_API_BASE = CLOSED_PORT
    with pytest.raises(ProviderUnavailable):
        operations.start(order, now=timezone.now())
    assert operations.reconcile(timezone.now() + SOON) == 0

    settings.STRIPE_API_BASE = sandbox.url
    operations.reconcile(timezone.now() + 2 * SOON)
    assert since("sessions") == 1
    assert order.payments.get().redirect_url


def test_forgets_a_request_of_an_order_that_is_over(sandbox: Sandbox, order: Order, settings: Any, since: Any) -> None:
    settings.STRIPE_API_BASE = CLOSED_PORT
    with pytest.raises(ProviderUnavailable):
        operations.start(order, now=timezone.now())
    settings.STRIPE_API_BASE = sandbox.url
    orders.cancel_order(order, actor="guest", reason="changed my mind", now=timezone.now())
    operations.reconcile(timezone.now() + SOON)
    assert order.payments.get().status == "voided"
    assert since("sessions") == 0


def test_one_that_fails_does_not_keep_the_others(sandbox: Sandbox, payment: Payment) -> None:
    payment.external_id = "cs_test_of_another_account"
    payment.save()
    other = operations.start(place_order(), now=timezone.now())
    sandbox.pay(other)
    operations.reconcile(timezone.now() + SOON)
    other.refresh_from_db()
    assert other.status == "captured"


def test_payments_that_can_not_begin_do_not_keep_others_from_being_asked_about(sandbox: Sandbox) -> None:
    """A 500 is the answer to its key for a day: one such payment at the head would stop every run."""
    paid = operations.start(place_order(), now=timezone.now())
    sandbox.pay(paid)
    sandbox.set_faults(
        error_after={"only": "POST /v1/checkout/sessions"}, error_before={"only": "GET /v1/checkout/sessions"}
    )
    stuck = [place_order() for _ in range(4)]
    for order in stuck:
        with pytest.raises(ProviderUnavailable):
            operations.start(order, now=timezone.now())
    assert sandbox.state()["struck"]["error_after"] >= 4
    sandbox.set_faults(error_after=None)
    Payment.objects.filter(order__in=stuck).update(ask_at=timezone.now() - timedelta(minutes=9))

    later = timezone.now() + timedelta(minutes=2)
    operations.reconcile(later)
    paid.refresh_from_db()
    assert paid.status == Payment.Status.CAPTURED
    assert Payment.objects.filter(order__in=stuck, external_id=None, status=Payment.Status.PENDING).count() == 4
    sandbox.set_faults(error_before=None)
