"""What the database itself refuses, whatever the code says."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from inventory import operations
from inventory.models import Reservation, StockItem, StockMovement
from inventory.operations import counters as counters_

from .factories import allocate, hold, release, stocked

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound", "item")]


@pytest.mark.parametrize("verb", ["UPDATE {} SET quantity = 9", "DELETE FROM {}"])
def test_a_movement_is_written_once(verb: str) -> None:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(verb.format("inventory_stockmovement"))
    with pytest.raises(IntegrityError), transaction.atomic():
        StockMovement.objects.all().delete()


@pytest.mark.parametrize("state", ["open", "fulfilled", "expired"])
def test_a_reservation_leaves_open_once(state: str) -> None:
    hold("bag:a", MUG=1)
    release("bag:a")
    with pytest.raises(IntegrityError, match="already released"), transaction.atomic():
        Reservation.objects.update(state=state)


@pytest.mark.parametrize(
    "values",
    [
        {"on_hand": -1},
        {"reserved": -1},
        {"reserved": 11},
        {"reserved": 11, "shortfall": 2},
        {"shortfall": -1},
        {"shortfall": 1},
        {"safety_stock": -1},
        {"backorder_limit": -1},
    ],
)
def test_no_counter_can_lie(values: dict[str, int]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        StockItem.objects.update(**values)


def test_a_sku_has_one_row_in_a_warehouse(item: StockItem) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        StockItem.objects.create(sku="MUG", warehouse=item.warehouse)


def test_a_promise_without_its_guard_is_refused_by_the_check(item: StockItem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters_, "GUARD", "")
    with pytest.raises(IntegrityError, match="stock_never_oversold"), transaction.atomic():
        counters_.apply([counters_.Change("MUG", item.warehouse_id, reserved=11)])


def test_a_reference_has_one_open_reservation_of_a_sku() -> None:
    hold("bag:a", MUG=1)
    first = Reservation.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Reservation.objects.create(reference="bag:a", sku="MUG", warehouse=first.warehouse, quantity=1, kind="hold")


@pytest.mark.django_db(transaction=True)
def test_every_verb_needs_the_transaction_of_what_it_belongs_to() -> None:
    item, now = stocked("BOWL", 5), timezone.now()
    for verb in (
        lambda: operations.hold("bag:a", {"BOWL": 1}, until=now),
        lambda: operations.allocate("bag:a", "sale:a", {"BOWL": 1}, until=now),
        lambda: operations.secure("sale:a", {"BOWL": 1}),
        lambda: operations.take_over("bag:a", "bag:b", {"BOWL": 1}, until=now),
        lambda: operations.reallocate("sale:a", {"BOWL": 1}, until=now),
        lambda: operations.write_off(item, 1, reason="", actor=""),
        lambda: operations.transfer(
            "BOWL", 1, source=item.warehouse, target=item.warehouse, reason="", actor="", key="a"
        ),
        lambda: operations.restock("BOWL", 1, disposition="restock", warehouse=None, reference="", actor="", key="a"),
        lambda: operations.release("bag:a"),
        lambda: operations.ship("sale:a", actor=""),
        lambda: operations.receive("BOWL", 1, reason="", actor=""),
        lambda: operations.adjust(item, 1, reason="", actor=""),
        lambda: operations.set_available("BOWL", 1, reason="", actor=""),
        lambda: operations.set_on_hand(item, 1, reason="", actor=""),
    ):
        with pytest.raises(RuntimeError):
            verb()


def test_an_error_takes_everything_back() -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        allocate("bag:a", "sale:a", MUG=4)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
    assert not Reservation.objects.exists()
