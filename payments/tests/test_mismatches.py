from collections.abc import Callable

import pytest
from django.db.models import F
from django.utils import timezone

from orders.models import Order
from payments import operations
from payments.errors import WrongPayment
from payments.models import Payment

from .sandbox import Sandbox

NOW = timezone.now


@pytest.fixture
def short(sandbox: Sandbox, payment: Payment) -> Payment:
    """Paid 5 less than our books expect."""
    sandbox.pay(payment)
    Payment.objects.update(amount_minor=F("amount_minor") + 500)
    Order.objects.update(total_minor=F("total_minor") + 500, shipping_net_minor=F("shipping_net_minor") + 500)
    payment = operations.settle(payment, now=NOW())
    assert payment.status == "pending"
    return payment


def test_accepted_is_partially_paid(short: Payment) -> None:
    difference = operations.compare(short)
    assert (difference.problem, difference.can_be_accepted) == ("another amount", True)
    accepted = operations.accept(short, actor="staff", now=NOW())
    assert (accepted.status, accepted.captured_minor) == ("partially_captured", short.amount_minor - 500)
    order = Order.objects.get()
    assert (order.status, order.payment_status) == ("confirmed", "partially_paid")
    with pytest.raises(WrongPayment):
        operations.accept(accepted, actor="staff", now=NOW())

    operations.refund(accepted, 100, reason="returned", key="after", now=NOW())
    accepted.refresh_from_db()
    assert accepted.refunded_minor == 100  # later words of the provider are heard


def test_given_back(short: Payment, since: Callable[..., int]) -> None:
    ended = operations.give_back(short, actor="staff", now=NOW())
    assert (ended.status, ended.captured_minor) == ("voided", 0)
    assert since("refunds", "succeeded") == 1
    assert Order.objects.get().is_open_for_payment
    with pytest.raises(WrongPayment):
        operations.give_back(ended, actor="staff", now=NOW())
    assert operations.settle(ended, now=NOW()).status == "voided"


def test_another_currency_is_not_accepted(sandbox: Sandbox, payment: Payment, since: Callable[..., int]) -> None:
    sandbox.pay(payment)
    Payment.objects.update(currency="USD")
    payment = operations.settle(payment, now=NOW())
    with pytest.raises(WrongPayment):
        operations.accept(payment, actor="staff", now=NOW())
    operations.give_back(payment, actor="staff", now=NOW())
    assert since("refunds", "succeeded") == 1


def test_another_orders_money_is_left_alone(sandbox: Sandbox, payment: Payment) -> None:
    sandbox.pay(payment)
    real = payment.public_id
    Payment.objects.update(public_id="pay_of_somebody_else")
    try:
        payment.refresh_from_db()
        difference = operations.compare(payment)
        assert not difference.can_be_accepted
        assert not difference.can_be_given_back
    finally:
        Payment.objects.update(public_id=real)


def test_what_fits_needs_no_decision(paid: Payment) -> None:
    assert operations.compare(paid).problem == ""
    with pytest.raises(WrongPayment):
        operations.give_back(paid, actor="staff", now=NOW())
