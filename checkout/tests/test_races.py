"""Two who want different things of one order at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from checkout import operations
from inventory.models import StockItem
from orders import operations as orders
from orders.models import Order
from payments import operations as payments
from payments.models import Payment
from payments.tests.sandbox import Sandbox
from shop import outbox
from shop.errors import DomainError

from .factories import place_order

pytestmark = pytest.mark.usefixtures("sound")


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """What each answered or refused."""
    barrier = Barrier(len(actions))

    def run(action: Callable[[], Any]) -> Any:
        try:
            barrier.wait()
            return action()
        except DomainError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def paid_at_the_provider(sandbox: Sandbox) -> tuple[Order, Payment]:
    order = place_order(payment_method="stripe")
    payment = payments.start(order, now=timezone.now())
    assert sandbox.pay(payment).status_code == 303
    return order, payment


@pytest.mark.parametrize("_turn", range(3))
def test_cancel_while_the_money_arrives_gives_it_back(sandbox: Sandbox, _turn: int) -> None:
    order, payment = paid_at_the_provider(sandbox)
    now = timezone.now()
    at_once(
        lambda: payments.settle(payment, now=now),
        lambda: orders.cancel_order(order, actor="guest", reason="test", now=now),
        lambda: payments.settle(payment, now=now),
    )
    outbox.relay(timezone.now() + timedelta(minutes=5))
    order.refresh_from_db()
    payment.refresh_from_db()
    assert order.status == "cancelled"
    assert payment.captured_minor == payment.refunded_minor == order.total_minor
    assert payment.refunds.count() == 1
    assert StockItem.objects.get().reserved == 0


@pytest.mark.parametrize("_turn", range(3))
def test_end_while_the_money_arrives_settles(sandbox: Sandbox, _turn: int) -> None:
    order, payment = paid_at_the_provider(sandbox)
    order.refresh_from_db()
    due = order.payment_due_at
    assert due
    at_once(
        lambda: operations.end_unpaid(due),
        lambda: payments.settle(payment, now=timezone.now()),
        lambda: operations.end_unpaid(due),
    )
    order.refresh_from_db()
    payment.refresh_from_db()
    assert (order.status, order.payment_status, payment.refunded_minor) == ("confirmed", "paid", 0)


def test_end_twice_at_once_ends_once(sandbox: Sandbox) -> None:
    order = place_order(payment_method="stripe")
    payments.start(order, now=timezone.now())
    order.refresh_from_db()
    due = order.payment_due_at
    assert due
    assert sum(at_once(*[lambda: operations.end_unpaid(due)] * 4)) == 1
    assert order.events.filter(type="cancelled").count() == 1


def test_two_of_staff_at_once(transactional_db: None) -> None:
    order = place_order()
    payments.start(order, now=timezone.now())

    def put(status: str) -> Callable[[], Order]:
        return lambda: orders.set_status(order, status, actor=status, now=timezone.now())

    answers = at_once(put("shipped"), put("cancelled"))
    assert sum(isinstance(answer, DomainError) for answer in answers) == 1
    order.refresh_from_db()
    item = StockItem.objects.get()
    assert (item.on_hand, item.reserved) == ((8, 0) if order.status == "shipped" else (10, 0))
    last = order.events.last()
    assert last and last.actor == last.type == order.status


def test_payment_that_begins_after_the_last_one_was_closed_keeps_the_order(sandbox: Sandbox) -> None:
    order = place_order(payment_method="stripe")
    payments.start(order, now=timezone.now())
    begun: list[Any] = []

    def begin_before_the_cart_is_locked(execute: Any, sql: str, *rest: Any) -> Any:
        if 'FROM "cart_cartsnapshot"' in sql and "FOR NO KEY UPDATE" in sql and not begun:
            begun.append(at_once(lambda: payments.start(order, now=timezone.now())))
        return execute(sql, *rest)

    with connection.execute_wrapper(begin_before_the_cart_is_locked):
        assert not operations.end_if_unpaid(order, reason="test", now=timezone.now())
    order.refresh_from_db()
    assert (order.status, Payment.objects.unsettled().count()) == ("pending", 1)
