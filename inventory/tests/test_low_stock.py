from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from inventory import operations
from inventory.errors import InsufficientStock
from inventory.models import StockItem
from shop.models import OutboxEvent

from .factories import hold, release, stocked

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]


@pytest.fixture(autouse=True)
def mugs(db: None) -> StockItem:
    """Ten on the shelf; four are few."""
    return stocked("MUG", 10, low_stock_threshold=4)


def told() -> list[list[str]]:
    return [event.payload["skus"] for event in OutboxEvent.objects.filter(topic="stock.low").order_by("id")]


def receive(quantity: int) -> None:
    with transaction.atomic():
        operations.receive("MUG", quantity, reason="delivery", actor="")


def test_the_crossing_is_told_once() -> None:
    hold("bag:a", MUG=5)
    assert told() == []
    hold("bag:a", MUG=6)
    assert told() == [["MUG"]]
    hold("bag:a", MUG=7)
    hold("bag:b", MUG=1)
    assert told() == [["MUG"]]


def test_a_hold_that_ends_does_not_arm_it_again() -> None:
    """Else every cart that comes and goes at the threshold would be a mail."""
    for number in range(3):
        hold(f"bag:{number}", MUG=6)
        release(f"bag:{number}")
    assert told() == [["MUG"]]


def test_a_receipt_that_lifts_it_above_arms_it_again() -> None:
    hold("bag:a", MUG=10)
    receive(4)
    assert StockItem.objects.get().low_stock_at is not None
    receive(1)
    assert StockItem.objects.get().low_stock_at is None
    hold("bag:b", MUG=1)
    assert told() == [["MUG"], ["MUG"]]


def test_a_stock_take_crosses_it_too() -> None:
    with transaction.atomic():
        operations.set_on_hand(StockItem.objects.get(), 4, reason="stock-take", actor="")
    # Nobody was promised anything, and the shelf is low all the same.
    assert told() == [["MUG"]]


def test_what_was_refused_is_not_told() -> None:
    stocked("BOWL", 1)
    with pytest.raises(InsufficientStock):
        hold("bag:a", MUG=8, ZZZ=1)
    assert told() == []
    assert StockItem.objects.get(sku="MUG").low_stock_at is None


def test_several_articles_of_one_cart_are_one_message() -> None:
    stocked("BOWL", 5, low_stock_threshold=4)
    hold("bag:a", MUG=6, BOWL=1)
    assert told() == [["BOWL", "MUG"]]


def test_the_sweep_catches_what_no_crossing_told() -> None:
    stocked("BOWL", 3)
    for item in StockItem.objects.all():
        operations.set_rules(item, safety_stock=0, backorder_limit=0, low_stock_threshold=50)
    now = timezone.now()
    assert operations.sweep_low_stock(now) == 2
    assert operations.sweep_low_stock(now + timedelta(minutes=5)) == 0
    assert told() == [["BOWL", "MUG"]]


def test_the_sweep_is_quiet_where_there_is_enough() -> None:
    assert operations.sweep_low_stock(timezone.now()) == 0
    assert told() == []
