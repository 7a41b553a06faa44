"""Money that arrives, and the history that nobody changes."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory
from checkout.tests.factories import make_variant, order_in, place_order
from inventory import operations as inventory
from inventory.errors import InsufficientStock
from inventory.models import Reservation, StockItem
from orders import operations
from orders.errors import InvalidTransition
from orders.models import Order, OrderEvent
from shop.models import OutboxEvent

pytestmark = pytest.mark.usefixtures("sound")


def pay(order: Order) -> Order:
    return operations.mark_paid(order, payment_reference="pay_1", now=timezone.now())


def test_paid_twice_changes_nothing() -> None:
    order = pay(place_order())
    before = (order.events.count(), OutboxEvent.objects.count(), order.updated_at)
    order = pay(order)
    assert (order.events.count(), OutboxEvent.objects.count(), order.updated_at) == before
    assert (order.status, order.payment_status, order.payment_due_at) == ("confirmed", "paid", None)
    assert Reservation.objects.get(state="open").expires_at is None


@pytest.mark.parametrize("paid_before", [False, True])
def test_money_for_a_cancelled_order_is_refused(paid_before: bool) -> None:
    order = place_order()
    if paid_before:
        order = pay(order)
    operations.cancel_order(order, actor="test", reason="test", now=timezone.now())
    with pytest.raises(InvalidTransition):
        pay(order)
    order.refresh_from_db()
    assert order.status == "cancelled"
    assert StockItem.objects.get().reserved == 0


def test_money_after_the_stock_has_gone_to_somebody_else() -> None:
    variant = make_variant(stock=2)
    order = place_order(variant)
    with transaction.atomic():
        inventory.release(order.reference)
    other = place_order(variant)
    with pytest.raises(InsufficientStock):
        pay(order)
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("pending", "pending")
    assert not OutboxEvent.objects.filter(topic="order.paid").exists()
    operations.cancel_order(order, actor="test", reason="test", now=timezone.now())
    pay(other)


def test_money_after_the_stock_came_free_reserves_it_anew() -> None:
    order = place_order()
    with transaction.atomic():
        inventory.release(order.reference)
    pay(order)
    assert StockItem.objects.get().reserved == 2


def test_cash_for_a_delivered_order() -> None:
    order = pay(order_in("delivered"))
    assert (order.status, order.payment_status) == ("delivered", "paid")


def test_time_to_pay_is_never_shortened() -> None:
    now = timezone.now()
    order = place_order(now=now)
    due = order.payment_due_at
    assert due
    order = operations.extend_payment_due(order, until=due - timedelta(minutes=5), now=now)
    assert order.payment_due_at == due
    later = due + timedelta(minutes=5)
    order = operations.extend_payment_due(order, until=later, now=now)
    assert order.payment_due_at == later == Reservation.objects.get(state="open").expires_at


def test_another_way_to_pay() -> None:
    order = place_order()
    for _ in range(2):
        order = operations.change_payment_method(order, "invoice", now=timezone.now())
    assert (order.payment_method, order.events.filter(type="payment_method").count()) == ("invoice", 1)
    order = operations.confirm(order_in("pending"), actor="test", now=timezone.now())
    with pytest.raises(InvalidTransition):
        operations.change_payment_method(order, "invoice", now=timezone.now())


def test_history_can_not_be_changed() -> None:
    order = place_order()
    for change in (
        lambda: order.events.update(actor="nobody"),
        lambda: order.events.all().delete(),
        lambda: order.delete(),
    ):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change()
    assert OrderEvent.objects.count() == 1


def test_numbers_are_short_and_tell_nothing() -> None:
    numbers = {operations.new_number() for _ in range(1000)}
    assert len(numbers) == 1000
    assert all(len(number) == 9 and not set("ILOU") & set(number) for number in numbers)


# --- Cancelling through the API


def cancel(client: ApiClient, order: Order) -> Any:
    return client.post(f"/orders/{order.public_id}/cancel")


def test_cancel_twice_releases_once(customer: Any, customer_api: ApiClient) -> None:
    order = place_order(user=customer)
    for _ in range(2):
        answer = cancel(customer_api, order)
        assert answer.status_code == 200
        assert answer.json()["data"]["status"] == "cancelled"
    item = StockItem.objects.get()
    assert (item.on_hand, item.reserved) == (10, 0)
    assert order.events.filter(type="cancelled").count() == 1
    assert OutboxEvent.objects.filter(topic="order.cancelled").count() == 1


def test_cancel_after_the_parcel_left(customer: Any, customer_api: ApiClient) -> None:
    for state in ("shipped", "delivered"):
        answer = cancel(customer_api, order_in(state, user=customer))
        assert answer.status_code == 409
        body = answer.json()
        assert (body["code"], body["status"]) == ("invalid_transition", state)
        assert body["allowed"] == (["delivered"] if state == "shipped" else [])


def test_staff_who_may_only_look_cancel_nothing(customer: Any) -> None:
    order = place_order(user=customer)
    assert cancel(ApiClient.of(StaffFactory.create(permissions=["orders.view_order"])), order).status_code == 404
    assert cancel(ApiClient.of(StaffFactory.create(permissions=["orders.change_order"])), order).status_code == 200


def test_a_guest_cancels_with_the_token() -> None:
    order = place_order()
    assert cancel(ApiClient(order.access_token), order).status_code == 200
    assert [event.actor for event in order.events.all()] == ["guest", "guest"]
