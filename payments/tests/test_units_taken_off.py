"""Units that staff take off an order: their money goes back, once, whenever it came."""

from datetime import timedelta
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orders import operations as orders
from orders.models import Order
from payments import operations
from payments.models import Payment, Refund
from shop import outbox

from .factories import place_order
from .sandbox import Sandbox


def take_off(staff: Client, order: Order, **more: str) -> None:
    form = {f"quantity_{order.lines.get().public_id}": "1", "reason": "broken", **more}
    answer = staff.post(reverse("admin:orders_order_move", args=[order.pk, "drop"]), form, follow=True)
    assert "has fewer units to send" in answer.text
    relay()


def relay() -> None:
    outbox.relay(timezone.now() + timedelta(minutes=1))


def refunds(order: Order) -> list[tuple[str, int]]:
    return list(Refund.objects.filter(payment__order=order).values_list("status", "amount_minor"))


def price_of_one(order: Order) -> int:
    return order.lines.get().gross_minor // 2


def test_what_was_paid_goes_back_once(admin_browser: Client, paid: Payment) -> None:
    order = paid.order
    assert "checked" in admin_browser.get(reverse("admin:orders_order_move", args=[order.pk, "drop"])).text
    take_off(admin_browser, order, is_refunded="on")
    operations.refund_cancelled_units(order, now=timezone.now())
    assert refunds(order) == [("succeeded", price_of_one(order))]
    order.refresh_from_db()
    assert order.payment_status == "partially_refunded"
    orders.cancel_order(order, actor="test", reason="the rest too", now=timezone.now())
    relay()
    assert sum(amount for _, amount in refunds(order)) == order.total_minor


def test_staff_may_say_that_it_went_back_already(admin_browser: Client, paid: Payment) -> None:
    take_off(admin_browser, paid.order)
    assert refunds(paid.order) == []


def test_what_went_back_whole_is_not_asked_for_again(admin_browser: Client, paid: Payment) -> None:
    operations.refund_order(paid.order, reason="goodwill", now=timezone.now())
    take_off(admin_browser, paid.order, is_refunded="on")
    assert refunds(paid.order) == [("succeeded", paid.order.total_minor)]


def test_cash_that_comes_later(admin_browser: Client, sandbox: Sandbox) -> None:
    order = place_order(payment_method="cod")
    operations.start(order, now=timezone.now())
    take_off(admin_browser, order, is_refunded="on")
    assert refunds(order) == []
    operations.record_manual_payment(order, actor="test", now=timezone.now())
    relay()
    assert refunds(order) == [("succeeded", price_of_one(order))]


def test_money_that_was_only_authorised(admin_browser: Client, sandbox: Sandbox, settings: Any) -> None:
    settings.SHOP_CAPTURE = "manual"
    payment = operations.start(place_order(), now=timezone.now())
    sandbox.pay(payment)
    operations.settle(payment, now=timezone.now())
    order = Order.objects.get(pk=payment.order_id)
    take_off(admin_browser, order, is_refunded="on")
    assert refunds(order) == []
    orders.ship(order, actor="test", now=timezone.now())
    relay()
    assert refunds(order) == [("succeeded", price_of_one(order))]
