"""Lines that lie in several warehouses, parts of orders, and units that move."""

import pytest
from django.db import connection, transaction
from django.utils import timezone

from inventory import operations
from inventory.errors import InsufficientStock, NotFree, NotPromised
from inventory.models import Reservation, StockItem, StockMovement, Warehouse
from inventory.operations.counters import Change, apply
from inventory.operations.shelf import Disposition
from inventory.operations.spread import _locked as locked_rows
from inventory.operations.spread import spread
from shop.errors import InvalidInput

from .factories import LATER, allocate, hold, release, reservations, secure, ship, stocked

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]


@pytest.fixture
def outlet() -> Warehouse:
    return Warehouse.objects.create(code="outlet", name="Outlet", priority=200)


@pytest.fixture
def main(outlet: Warehouse) -> Warehouse:
    """Four mugs in the first warehouse, six in the outlet."""
    main = stocked("MUG", 4).warehouse
    with transaction.atomic():
        operations.receive("MUG", 6, reason="delivery", actor="user_staff", warehouse=outlet)
        StockItem.objects.update(low_stock_threshold=0)
    return main


def promised(reference: str, state: str = "open") -> dict[str, int]:
    rows = Reservation.objects.filter(reference=reference, state=state).order_by("id")
    return dict(rows.values_list("warehouse__code", "quantity"))


def shelves() -> dict[str, tuple[int, int]]:
    items = StockItem.objects.filter(sku="MUG")
    return {
        code: (on_hand, reserved)
        for code, on_hand, reserved in items.values_list("warehouse__code", "on_hand", "reserved")
    }


@pytest.mark.parametrize(
    ("quantity", "capacities", "parts"),
    [
        (3, [5, 9], {0: 3}),
        (7, [5, 9], {1: 7}),
        (7, [5, 0, 4], {0: 5, 2: 2}),
        (9, [2, 3, 4], {0: 2, 1: 3, 2: 4}),
    ],
)
def test_the_rule(quantity: int, capacities: list[int], parts: dict[int, int]) -> None:
    assert spread(quantity, dict(enumerate(capacities))) == parts


@pytest.mark.parametrize(
    ("quantity", "taken"), [(4, {"main": 4}), (5, {"outlet": 5}), (6, {"outlet": 6}), (10, {"main": 4, "outlet": 6})]
)
def test_a_hold_takes_one_that_has_all_before_it_splits(main: Warehouse, quantity: int, taken: dict[str, int]) -> None:
    hold("bag:a", MUG=quantity)
    assert promised("bag:a") == taken


def test_more_than_all_have_is_refused_whole(main: Warehouse) -> None:
    with pytest.raises(InsufficientStock) as refusal:
        hold("bag:a", MUG=11)
    assert refusal.value.available == 10
    assert reservations() == []


def test_a_hold_that_grows_is_placed_anew_and_one_that_shrinks_is_not(main: Warehouse) -> None:
    hold("bag:a", MUG=2)
    hold("bag:a", MUG=5)
    assert promised("bag:a") == {"outlet": 5}
    hold("bag:a", MUG=10)
    hold("bag:a", MUG=5)
    assert promised("bag:a") == {"main": 4, "outlet": 1}
    hold("bag:a", MUG=0)
    assert shelves() == {"main": (4, 0), "outlet": (6, 0)}


def test_a_split_hold_becomes_the_orders_and_leaves_in_parts(main: Warehouse) -> None:
    hold("bag:a", MUG=8)
    allocate("bag:a", "sale:a", MUG=8)
    secure("sale:a", MUG=8)
    assert promised("sale:a") == {"main": 4, "outlet": 4}
    with transaction.atomic():
        operations.ship("sale:a", actor="user_staff", quantities={"MUG": 5})
    assert promised("sale:a") == {"outlet": 3}
    assert promised("sale:a", "fulfilled") == {"main": 4, "outlet": 1}
    ship("sale:a")
    assert shelves() == {"main": (0, 0), "outlet": (2, 0)}
    assert sum(Reservation.objects.filter(state="fulfilled").values_list("quantity", flat=True)) == 8


def test_what_is_missing_of_a_paid_order_joins_what_it_has(main: Warehouse) -> None:
    allocate("bag:none", "sale:a", MUG=2)
    secure("sale:a", MUG=3)
    assert promised("sale:a") == {"main": 3}


@pytest.mark.parametrize("verb", ["ship", "release"])
def test_no_more_than_is_promised(main: Warehouse, verb: str) -> None:
    allocate("bag:none", "sale:a", MUG=2)
    with pytest.raises(NotPromised) as refusal, transaction.atomic():
        if verb == "ship":
            operations.ship("sale:a", actor="", quantities={"MUG": 3})
        else:
            operations.release("sale:a", {"MUG": 3})
    assert (refusal.value.sku, refusal.value.promised) == ("MUG", 2)
    assert promised("sale:a") == {"main": 2}


def test_a_part_is_given_back(main: Warehouse) -> None:
    allocate("bag:none", "sale:a", MUG=3)
    with transaction.atomic():
        operations.release("sale:a", {"MUG": 2})
    assert (promised("sale:a"), promised("sale:a", "released")) == ({"main": 1}, {"main": 2})
    release("sale:a")
    assert shelves()["main"] == (4, 0)


def test_an_edit_is_exact_and_moves_nothing_that_stays(main: Warehouse) -> None:
    stocked("BOWL", 5)
    allocate("bag:none", "sale:a", MUG=3, BOWL=1)
    edit(MUG=6)
    assert reservations(reference="sale:a", sku="BOWL")[0][-1] == "released"
    assert promised("sale:a") == {"main": 3, "outlet": 3}
    edit(MUG=4)
    assert promised("sale:a") == {"main": 3, "outlet": 1}
    with pytest.raises(InsufficientStock):
        edit(MUG=4, BOWL=9)
    assert promised("sale:a") == {"main": 3, "outlet": 1}


@transaction.atomic
def edit(**quantities: int) -> None:
    operations.reallocate("sale:a", quantities, until=timezone.now() + LATER)


@pytest.mark.parametrize(("disposition", "on_hand"), [("restock", 6), ("damaged", 4), ("discard", 4)])
def test_what_came_back(main: Warehouse, disposition: Disposition, on_hand: int) -> None:
    for _ in range(2):
        with transaction.atomic():
            operations.restock(
                "MUG",
                2,
                disposition=disposition,
                warehouse=None,
                reference="sale:a",
                actor="user_staff",
                key="return-1",
            )
    assert shelves()["main"] == (on_hand, 0)
    kinds = list(StockMovement.objects.filter(reference="sale:a").order_by("id").values_list("kind", "quantity"))
    assert kinds == [("return", 2), ("damage", -2)][: 1 if disposition == "restock" else 2]


@transaction.atomic
def move(quantity: int, source: Warehouse, target: Warehouse, key: str = "move-1") -> None:
    operations.transfer("MUG", quantity, source=source, target=target, reason="season", actor="user_staff", key=key)


def test_units_move_once_for_a_key(main: Warehouse, outlet: Warehouse) -> None:
    for _ in range(2):
        move(3, main, outlet)
    assert shelves() == {"main": (1, 0), "outlet": (9, 0)}
    kinds = StockMovement.objects.filter(reason="season").order_by("id").values_list("kind", "quantity")
    assert list(kinds) == [("transfer_out", -3), ("transfer_in", 3)]


def test_what_is_promised_does_not_move(main: Warehouse, outlet: Warehouse) -> None:
    hold("bag:a", MUG=3)
    with pytest.raises(NotFree) as refusal:
        move(2, main, outlet)
    assert refusal.value.fields == {"quantity": ["Only 1 of MUG are free to move."]}
    third = Warehouse.objects.create(code="third", name="Third")
    with pytest.raises(NotFree):
        move(1, third, main)
    for quantity, target in ((0, outlet), (1, main)):
        with pytest.raises(InvalidInput):
            move(quantity, main, target)
    assert shelves()["main"] == (4, 3)


def test_merging_takes_over_in_one_pass(main: Warehouse) -> None:
    stocked("BOWL", 3)
    hold("bag:guest", MUG=5, BOWL=2)
    hold("bag:own", MUG=2)
    hold("bag:other", BOWL=1)
    with transaction.atomic():
        refused = operations.take_over("bag:guest", "bag:own", {"MUG": 7, "BOWL": 4}, until=timezone.now() + LATER)
    assert refused == {"BOWL"}
    assert promised("bag:own") == {"main": 4, "outlet": 3}
    assert promised("bag:guest") == {}
    assert StockItem.objects.get(sku="BOWL").reserved == 1


def test_a_refusal_of_the_second_warehouse_undoes_the_first(main: Warehouse, outlet: Warehouse) -> None:
    """The plan was made on rows that can't change; were it wrong all the same, no unit may be promised to nobody."""
    first, second = sorted([main.pk, outlet.pk])
    with transaction.atomic():
        plan = [Change("MUG", first, reserved=2), Change("MUG", second, reserved=7)]
        assert apply(plan, otherwise={"MUG": []}) == {"MUG"}
    assert shelves() == {"main": (4, 0), "outlet": (6, 0)}


def test_rows_are_locked_in_the_order_in_which_they_change_in_any_collation() -> None:
    """Else two baskets of the same articles, one of which is locked first and one is not, wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'")
        if cursor.fetchone() is None:
            pytest.skip("this PostgreSQL has no other collation than C")
        cursor.execute('ALTER TABLE inventory_stockitem ALTER sku TYPE varchar(64) COLLATE "und-x-icu"')
    for sku in ("mug", "POT"):
        stocked(sku, 1)
    rows = StockItem.objects.order_by("sku").values_list("sku", flat=True)
    assert list(rows) != sorted(rows)
    locked = [item.sku for item in locked_rows(StockItem.objects.all())]
    assert locked == sorted(locked)
