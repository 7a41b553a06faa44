"""A planted bad row is seen as exactly that one."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from checkout.tests.books import broken
from checkout.tests.factories import make_variant, order_in, place_order
from inventory.models import Reservation, StockItem
from orders.models import Order, OrderEvent, OrderLine, Shipment
from orders.operations import ship
from pricing.models import PromotionUse
from pricing.tests.factories import stored_promotion


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def update(order: Order, **values: object) -> None:
    Order.objects.filter(pk=order.pk).update(**values)


def wrong_total(order: Order) -> None:
    update(order, total_minor=order.total_minor + 1)


def wrong_tax(order: Order) -> None:
    update(order, tax_minor=order.tax_minor - 1)


def wrong_subtotal(order: Order) -> None:
    update(order, subtotal_minor=order.subtotal_minor + 1)


def discount_without_promotion(order: Order) -> None:
    update(order, discount_minor=1)
    OrderLine.objects.filter(order=order).update(discount_minor=1, unit_price_minor=F("unit_price_minor") + 1)
    update(order, subtotal_minor=order.subtotal_minor + 2)


def promotion_that_lowers_nothing(order: Order) -> None:
    order.discounts.create(name="Offer", phase="order", amount_minor=100)
    use(order.reference)


def line_dearer_than_its_discount(order: Order) -> None:
    OrderLine.objects.filter(order=order).update(net_minor=F("net_minor") - 1, tax_minor=F("tax_minor") + 1)
    OrderLine.objects.filter(order=order).update(unit_price_minor=F("unit_price_minor") + 1)
    update(order, subtotal_minor=order.subtotal_minor + 2, tax_minor=order.tax_minor + 1)


def use(reference: str) -> None:
    PromotionUse.objects.create(promotion=stored_promotion(), reference=reference, customer="ada")


def use_of_no_order(order: Order) -> None:
    use("order:none")


def promotion_that_nobody_counted(order: Order) -> None:
    order.discounts.create(name="Free delivery", phase="shipping", amount_minor=490)


def use_of_an_order_that_is_over(order: Order) -> None:
    use(Order.objects.get(status="cancelled").reference)


def two_orders_of_one_cart(order: Order) -> None:
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("DROP INDEX one_living_order_per_cart")
    update(place_order(order.lines.get().variant), cart_reference=order.cart_reference)


def status_without_event(order: Order) -> None:
    update(order, status="confirmed")


def step_that_is_not_allowed(order: Order) -> None:
    now = timezone.now()
    OrderEvent.objects.create(
        order=order, type="odd", from_status="shipped", to_status="pending", actor="x", created_at=now
    )


def line_without_goods(order: Order) -> None:
    """A parcel less than sold; the line's money stays right."""
    Reservation.objects.filter(reference=order.reference).update(quantity=1)
    StockItem.objects.update(reserved=1)


def goods_for_nobody(order: Order) -> None:
    Reservation.objects.create(
        reference="order:none", sku=order.lines.get().sku, warehouse=StockItem.objects.get().warehouse, quantity=1,
        kind="allocation",
    )  # fmt: skip
    StockItem.objects.update(reserved=3)


def unpaid_for_ever(order: Order) -> None:
    update(order, payment_due_at=timezone.now() - timedelta(minutes=11))


def left_without_money(order: Order) -> None:
    update(order, payment_method="invoice")


def parcel_of_more_than_was_ordered(order: Order) -> None:
    """One that waits: the stock doesn't know of it."""
    line = order.lines.get()
    order.shipments.create(status="packed").lines.create(order_line=line, quantity=line.quantity + 1)


def parcel_with_a_strangers_line(order: Order) -> None:
    other = Order.objects.exclude(pk=order.pk).get()
    order.shipments.create(status="packed").lines.create(order_line=other.lines.get(), quantity=1)


def more_back_than_arrived(order: Order) -> None:
    made = order.returns.create(requested_at=timezone.now())
    made.lines.create(order_line=order.lines.get(), quantity=3, reason="other")


def fulfilled_by_word_alone(order: Order) -> None:
    update(order, fulfillment_status="fulfilled")


def returned_by_word_alone(order: Order) -> None:
    update(order, fulfillment_status="returned")


def shipped_with_a_unit_left(order: Order) -> None:
    update(order, status="shipped")
    OrderEvent.objects.create(order=order, type="shipped", from_status="processing", to_status="shipped", actor="x")


def delivered_on_the_way(order: Order) -> None:
    order.shipments.update(status="shipped")


def parcel_that_the_stock_does_not_know(order: Order) -> None:
    lost = order.shipments.get()
    Shipment.objects.filter(pk=lost.pk).update(status="lost")
    again = order.shipments.create(status="delivered", replaces=lost)
    again.lines.create(order_line=order.lines.get(), quantity=2)
    Reservation.objects.create(
        reference=order.reference, sku=order.lines.get().sku, warehouse=StockItem.objects.get().warehouse, quantity=2,
        kind="allocation",
    )  # fmt: skip
    StockItem.objects.update(reserved=2)


def two_of_three_shipped() -> Order:
    order = order_in("confirmed", make_variant(), quantity=3)
    return ship(order, quantities={order.lines.get().public_id: 2}, actor="test", now=timezone.now())


@pytest.mark.django_db
def test_a_parcel_that_the_stock_does_not_know_is_seen() -> None:
    order = order_in("delivered", make_variant())
    parcel_that_the_stock_does_not_know(order)
    assert set(broken()) == {"O17", "I6"}


@pytest.mark.django_db
def test_shipped_before_the_last_unit_left_is_seen() -> None:
    order = two_of_three_shipped()
    assert broken() == {}
    shipped_with_a_unit_left(order)
    # I6 too: an order that is sent has nothing promised any more.
    assert set(broken()) == {"O15", "I6"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("code", "plant", "state"),
    [
        ("O1", wrong_total, "pending"),
        ("O1", wrong_tax, "pending"),
        ("O1", wrong_subtotal, "pending"),
        ("O3", two_orders_of_one_cart, "pending"),
        ("O6", status_without_event, "pending"),
        ("O6", step_that_is_not_allowed, "pending"),
        ("I4", line_without_goods, "pending"),
        ("I6", goods_for_nobody, "pending"),
        ("O8", unpaid_for_ever, "pending"),
        ("O10", discount_without_promotion, "pending"),
        ("O10", promotion_that_lowers_nothing, "pending"),
        ("O10", line_dearer_than_its_discount, "pending"),
        ("O11", use_of_no_order, "pending"),
        ("O11", promotion_that_nobody_counted, "pending"),
        ("O11", use_of_an_order_that_is_over, "pending"),
        ("O7", left_without_money, "confirmed"),
        ("O12", parcel_of_more_than_was_ordered, "processing"),
        ("O12", parcel_with_a_strangers_line, "processing"),
        ("O13", more_back_than_arrived, "delivered"),
        ("O14", fulfilled_by_word_alone, "confirmed"),
        ("O14", returned_by_word_alone, "delivered"),
        ("O16", delivered_on_the_way, "delivered"),
    ],
)
def test_planted_row_is_seen_as_exactly_that_one(code: str, plant: Callable[[Order], None], state: str) -> None:
    variant = make_variant()
    order = order_in(state, variant)
    order_in("cancelled", variant)
    assert broken() == {}
    plant(order)
    found = broken()
    assert list(found) == [code]
    assert len(found[code]) == 1
