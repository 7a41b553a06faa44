"""`verify_invariants --repair`: planted wrong counters are made right from the ledger, and told."""

from io import StringIO

import pytest
from django.core.management import call_command

from inventory import operations
from inventory.models import StockItem, StockMovement

from .factories import allocate, broken, counters, hold, ship, stocked
from .test_invariants import without, without_trigger

pytestmark = pytest.mark.django_db


def repaired() -> tuple[int, list[str]]:
    """The exit code and the lines that tell of changes."""
    out = StringIO()
    try:
        call_command("verify_invariants", repair=True, stdout=out)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    return code, [line for line in out.getvalue().splitlines() if line.startswith("repaired")]


def sell() -> None:
    """Seven on the shelf, of which five are promised."""
    allocate("bag:none", "sale:a", MUG=3)
    ship("sale:a")
    hold("bag:b", MUG=1)
    allocate("bag:none", "sale:c", MUG=4)


def test_nothing_is_changed_where_all_is_right(item: StockItem) -> None:
    sell()
    before = StockItem.objects.values().get()
    assert operations.replay() == []
    assert StockItem.objects.values().get() == before


def test_wrong_counters_are_made_right_and_told(item: StockItem) -> None:
    sell()
    StockItem.objects.update(on_hand=9, reserved=2)
    assert broken().keys() == {"I2", "I3"}
    assert operations.replay() == ["MUG in main: on_hand 9 -> 7, reserved 2 -> 5"]
    assert counters() == (7, 5, 0, 2)
    assert broken() == {}


def test_a_shortfall_that_nobody_computed(item: StockItem) -> None:
    sell()
    without("inventory_stockitem", "stock_never_oversold", "stock_shortfall_is_exact")
    StockItem.objects.update(shortfall=3)
    assert operations.replay() == ["MUG in main: shortfall 3 -> 0"]


def test_an_item_that_is_gone_comes_back(item: StockItem) -> None:
    sell()
    StockItem.objects.all().delete()
    assert operations.replay() == ["MUG in main: was missing; on_hand 0 -> 7, reserved 0 -> 5"]
    assert broken() == {}


def test_a_ledger_below_nothing_is_told_and_left_alone(item: StockItem) -> None:
    stocked("BOWL", 1)
    without_trigger("inventory_stockmovement", "append_only")
    StockMovement.objects.filter(sku="BOWL").update(quantity=-4)
    assert operations.replay() == ["BOWL in main: the movements add up to -4, so on_hand stays 1"]
    assert counters("BOWL") == (1, 0, 0, 1)
    assert broken().keys() == {"I2"}


def test_the_command_tells_by_its_exit_code(item: StockItem) -> None:
    hold("bag:b", MUG=2)

    assert repaired() == (0, [])
    StockItem.objects.update(reserved=7)
    assert repaired() == (2, ["repaired stock: MUG in main: reserved 7 -> 2"])
    assert repaired() == (0, [])
    without_trigger("inventory_stockmovement", "append_only")
    StockMovement.objects.update(quantity=-1)
    code, lines = repaired()
    assert (code, lines) == (1, ["repaired stock: MUG in main: the movements add up to -1, so on_hand stays 10"])
