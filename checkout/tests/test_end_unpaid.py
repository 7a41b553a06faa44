"""Orders that nobody pays end, and those that somebody did pay don't."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from cart.models import CartSnapshot
from checkout import operations
from inventory.models import StockItem
from orders import operations as orders
from orders.models import Order
from payments import operations as payments
from payments.models import Payment
from payments.tests.sandbox import Sandbox

from .factories import make_cart, make_variant, place_order

pytestmark = pytest.mark.usefixtures("sound")


def begun(**values: Any) -> tuple[Order, Payment]:
    order = place_order(payment_method="stripe", **values)
    return order, payments.start(order, now=timezone.now())


def due(order: Order) -> Any:
    order.refresh_from_db()
    assert order.payment_due_at
    return order.payment_due_at


def test_unpaid_order_ends_and_its_cart_is_back(sandbox: Sandbox) -> None:
    order, payment = begun()
    assert operations.end_unpaid(due(order) - timedelta(seconds=1)) == 0
    assert operations.end_unpaid(due(order)) == 1
    assert operations.end_unpaid(timezone.now() + timedelta(days=1)) == 0
    order.refresh_from_db()
    payment.refresh_from_db()
    assert (order.status, order.payment_status, payment.status) == ("cancelled", "voided", "voided")
    last = order.events.last()
    assert last and (last.actor, last.payload) == ("system", {"reason": "not paid in time"})
    cart = CartSnapshot.objects.get()
    assert (cart.state, [line["heldUntil"] for line in cart.lines]) == ("open", [None])
    assert StockItem.objects.get().reserved == 0
    assert sandbox.pay(payment).status_code != 303  # nobody can pay there any more
    again = place_order(cart=cart)
    assert again.status == "pending"


def test_buyer_who_has_begun_to_pay_anew_is_left_alone(sandbox: Sandbox) -> None:
    """The job reads its orders at once and comes to the last ones late."""
    order, payment = begun()
    found_at = due(order)
    orders.extend_payment_due(order, until=found_at + timedelta(minutes=30), now=timezone.now())
    assert not operations.end_if_unpaid(order, reason="not paid in time", now=found_at, only_when_due=True)
    payment.refresh_from_db()
    assert payment.status == "pending"
    assert sandbox.pay(payment).status_code == 303


def test_order_that_was_paid_in_the_last_second(sandbox: Sandbox) -> None:
    order, payment = begun()
    assert sandbox.pay(payment).status_code == 303
    assert operations.end_unpaid(due(order)) == 0
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("confirmed", "paid")


def test_provider_away_keeps_its_orders_and_others_end(sandbox: Sandbox, settings: Any) -> None:
    first, _ = begun()
    second, _ = begun()
    transfer = place_order(payment_method="invoice")
    payments.start(transfer, now=timezone.now())
    later = due(transfer)
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    assert operations.end_unpaid(later) == 1
    assert sorted(Order.objects.values_list("status", flat=True)) == ["cancelled", "pending", "pending"]
    settings.STRIPE_API_BASE = sandbox.url
    assert operations.end_unpaid(later) == 2
    assert set(Order.objects.values_list("status", flat=True)) == {"cancelled"}
    assert {first.status, second.status} == {"pending"}  # as they were read


def test_invoice_is_due_after_its_days(transactional_db: None, settings: Any) -> None:
    settings.SHOP_INVOICE_DAYS = 3
    now = timezone.now()
    order = place_order(payment_method="invoice", now=now)
    assert due(order) - now == timedelta(days=3, minutes=2)  # already before the payment begins: a mail may be written
    payments.start(order, now=now)
    assert operations.end_unpaid(now + timedelta(days=3)) == 0
    assert operations.end_unpaid(now + timedelta(days=3, minutes=3)) == 1


def test_payment_that_never_began(transactional_db: None) -> None:
    order = place_order(payment_method="stripe")
    assert operations.end_unpaid(due(order)) == 1


def test_paid_and_cancelled_orders_are_left_alone(transactional_db: None) -> None:
    order = place_order()
    payments.start(order, now=timezone.now())
    assert operations.end_unpaid(timezone.now() + timedelta(days=90)) == 0
    order.refresh_from_db()
    assert (order.status, order.payment_due_at) == ("confirmed", None)


def test_goods_go_to_the_bag_that_was_begun_meanwhile(transactional_db: None, customer: User) -> None:
    order = place_order(make_variant(), user=customer, payment_method="stripe")
    newer = make_cart(make_variant(), user=customer)
    assert operations.end_unpaid(due(order)) == 1
    newer.refresh_from_db()
    assert len(newer.lines) == 2
    assert CartSnapshot.objects.filter(user=customer, state="open").count() == 1


def test_one_that_fails_leaves_the_others_alone(sandbox: Sandbox) -> None:
    first, payment = begun()
    second, _ = begun()
    Payment.objects.filter(pk=payment.pk).update(provider="unknown")
    assert operations.end_unpaid(max(due(first), due(second))) == 1
    second.refresh_from_db()
    assert second.status == "cancelled"
    Payment.objects.filter(pk=payment.pk).update(provider="stripe")
    assert operations.end_unpaid(due(first)) == 1
