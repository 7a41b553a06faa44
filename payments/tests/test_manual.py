from datetime import timedelta

import pytest
from django.utils import timezone

from orders import operations as orders
from orders.errors import InvalidTransition
from orders.models import Order
from payments import operations
from payments.errors import NotPayable
from payments.models import Payment

from .factories import place_order
from .sandbox import Sandbox


def begin(method: str) -> Payment:
    return operations.start(place_order(payment_method=method), now=timezone.now())


def received(payment: Payment) -> Order:
    operations.record_manual_payment(payment.order, actor="user_staff", now=timezone.now())
    return Order.objects.get(pk=payment.order_id)


def test_bank_transfer_waits_a_week_for_its_money(sandbox: Sandbox) -> None:
    payment = begin("invoice")
    order = Order.objects.get(pk=payment.order_id)
    assert (order.status, payment.status, payment.redirect_url) == ("pending", "pending", "")
    assert order.payment_due_at is not None
    assert order.payment_due_at > timezone.now() + timedelta(days=6)

    order = received(payment)
    assert (order.status, order.payment_status) == ("confirmed", "paid")


def test_cash_on_delivery_is_confirmed_at_once_and_paid_later(sandbox: Sandbox) -> None:
    payment = begin("cod")
    order = Order.objects.get(pk=payment.order_id)
    assert (order.status, order.payment_status, order.payment_due_at) == ("confirmed", "pending", None)
    assert operations.start(order, now=timezone.now()) == payment

    orders.ship(order, actor="user_staff", now=timezone.now())
    order = received(payment)
    assert (order.status, order.payment_status) == ("shipped", "paid")


def test_money_is_booked_once(sandbox: Sandbox) -> None:
    payment = begin("invoice")
    received(payment)
    received(payment)
    assert payment.events.filter(kind="capture", phase="success").count() == 1


def test_money_for_a_cancelled_order_is_not_booked(sandbox: Sandbox) -> None:
    payment = begin("invoice")
    orders.cancel_order(payment.order, actor="user_staff", reason="no money came", now=timezone.now())
    with pytest.raises(InvalidTransition):
        received(payment)
    operations.close_order(payment.order, now=timezone.now())
    with pytest.raises(NotPayable):
        received(payment)
    payment.refresh_from_db()
    assert (payment.status, payment.captured_minor) == ("voided", 0)


def test_order_paid_online_has_no_money_to_book(payment: Payment) -> None:
    with pytest.raises(NotPayable):
        received(payment)


def test_refund_of_a_bank_transfer_is_recorded(sandbox: Sandbox) -> None:
    payment = begin("invoice")
    order = received(payment)
    operations.refund_order(order, reason="returned", now=timezone.now())
    order.refresh_from_db()
    assert order.payment_status == "refunded"
