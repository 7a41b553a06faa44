from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from inventory import operations
from inventory.errors import InsufficientStock, StockBelowZero, TooManyUnits
from inventory.models import Reservation, StockItem, StockMovement, Warehouse
from inventory.operations import promises

from .factories import LATER, allocate, counters, hold, release, reservations, secure, ship, stocked

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound", "item")]


class TestHold:
    def test_units_are_promised_and_stay_on_the_shelf(self) -> None:
        hold("bag:a", MUG=4)
        assert counters() == (10, 4, 0, 6)
        assert reservations() == [("bag:a", "MUG", 4, "hold", "open")]

    @pytest.mark.parametrize(("second", "available"), [(4, 6), (9, 1), (10, 0), (1, 9)])
    def test_the_quantity_is_absolute_and_ones_own_units_do_not_count_against_it(
        self, second: int, available: int
    ) -> None:
        hold("bag:a", MUG=4)
        hold("bag:a", MUG=second)
        hold("bag:a", MUG=second)
        assert counters() == (10, second, 0, available)
        assert len(reservations(state="open")) == 1

    def test_none_gives_the_units_back(self) -> None:
        hold("bag:a", MUG=4)
        hold("bag:a", MUG=0)
        hold("bag:a", MUG=0)
        assert counters() == (10, 0, 0, 10)
        assert reservations() == [("bag:a", "MUG", 4, "hold", "released")]

    def test_only_the_named_articles_change(self) -> None:
        stocked("BOWL", 5)
        hold("bag:a", MUG=4, BOWL=1)
        hold("bag:a", BOWL=2)
        assert (counters("MUG")[1], counters("BOWL")[1]) == (4, 2)

    @pytest.mark.parametrize(("sku", "wanted", "available"), [("MUG", 7, 6), ("BOWL", 1, 0), ("CUP", 1, 0)])
    def test_more_than_there_is_is_refused_whole(self, sku: str, wanted: int, available: int) -> None:
        stocked("BOWL", 0)
        stocked("A", 5)
        hold("bag:b", MUG=4)
        with pytest.raises(InsufficientStock) as refusal:
            hold("bag:a", A=1, **{sku: wanted})
        assert (refusal.value.sku, refusal.value.available) == (sku, available)
        assert counters("A")[1] == 0
        assert reservations(reference="bag:a") == []

    def test_safety_stock_is_never_promised(self, item: StockItem) -> None:
        operations.set_rules(item, safety_stock=7, backorder_limit=0, low_stock_threshold=0)
        with pytest.raises(InsufficientStock):
            hold("bag:a", MUG=4)
        hold("bag:a", MUG=3)
        assert counters() == (10, 3, 0, 0)

    def test_backorders_are_promised_beyond_the_shelf_up_to_their_limit(self, item: StockItem) -> None:
        operations.set_rules(item, safety_stock=0, backorder_limit=5, low_stock_threshold=0)
        hold("bag:a", MUG=15)
        with pytest.raises(InsufficientStock):
            hold("bag:b", MUG=1)
        assert counters() == (10, 15, 0, 0)

    def test_a_hold_that_ran_out_unswept_is_revived(self) -> None:
        hold("bag:a", minutes=-1, MUG=10)
        hold("bag:a", MUG=10)
        assert counters() == (10, 10, 0, 0)
        assert operations.release_expired(timezone.now()) == 0

    def test_another_warehouse_serves_when_the_first_has_too_few(self) -> None:
        outlet = Warehouse.objects.create(code="outlet", name="Outlet", priority=200)
        StockItem.objects.create(sku="MUG", warehouse=outlet, low_stock_threshold=0)
        with transaction.atomic():
            operations.set_on_hand(StockItem.objects.get(warehouse=outlet), 50, reason="counted", actor="user_staff")
        hold("bag:a", MUG=20)
        assert Reservation.objects.get().warehouse == outlet
        assert StockItem.objects.available_by_sku(["MUG"]) == {"MUG": 40}


class TestAllocate:
    def test_a_live_hold_becomes_the_orders(self) -> None:
        hold("bag:a", MUG=4)
        allocate("bag:a", "sale:a", MUG=4)
        assert counters() == (10, 4, 0, 6)
        assert reservations() == [("sale:a", "MUG", 4, "allocation", "open")]

    @pytest.mark.parametrize("held", [2, 6])
    def test_a_hold_of_another_size_is_made_right(self, held: int) -> None:
        hold("bag:a", MUG=held)
        allocate("bag:a", "sale:a", MUG=4)
        assert counters() == (10, 4, 0, 6)
        assert reservations(state="open") == [("sale:a", "MUG", 4, "allocation", "open")]

    def test_a_hold_that_ran_out_is_reserved_anew(self) -> None:
        hold("bag:a", minutes=-1, MUG=10)
        allocate("bag:a", "sale:a", MUG=10)
        assert counters() == (10, 10, 0, 0)
        assert reservations()[0][3:] == ("hold", "expired")

    def test_without_a_hold_it_reserves(self) -> None:
        allocate("bag:a", "sale:a", MUG=4)
        assert counters() == (10, 4, 0, 6)

    def test_what_was_swept_and_sold_meanwhile_is_refused_whole(self) -> None:
        stocked("BOWL", 5)
        hold("bag:a", minutes=-1, MUG=10, BOWL=1)
        operations.release_expired(timezone.now())
        hold("bag:b", MUG=1)
        with pytest.raises(InsufficientStock):
            allocate("bag:a", "sale:a", MUG=10, BOWL=1)
        assert reservations(reference="sale:a") == []
        assert counters("BOWL")[1] == 0

    def test_what_the_order_leaves_out_is_given_back(self) -> None:
        stocked("BOWL", 5)
        hold("bag:a", MUG=4, BOWL=2)
        allocate("bag:a", "sale:a", MUG=4)
        assert counters("BOWL") == (5, 0, 0, 5)


class TestSecure:
    def test_a_paid_order_keeps_its_units_for_good(self) -> None:
        allocate("bag:a", "sale:a", MUG=4)
        secure("sale:a", MUG=4)
        secure("sale:a", MUG=4)
        assert Reservation.objects.get().expires_at is None
        assert counters() == (10, 4, 0, 6)

    def test_what_has_gone_is_reserved_anew(self) -> None:
        secure("sale:a", MUG=4)
        assert reservations() == [("sale:a", "MUG", 4, "allocation", "open")]

    def test_what_has_gone_and_was_sold_is_refused(self) -> None:
        hold("bag:b", MUG=8)
        with pytest.raises(InsufficientStock):
            secure("sale:a", MUG=4)
        assert reservations(reference="sale:a") == []


class TestGivingBack:
    def test_release_gives_everything_back_once(self) -> None:
        hold("bag:a", MUG=4)
        release("bag:a")
        release("bag:a")
        assert counters() == (10, 0, 0, 10)
        assert reservations() == [("bag:a", "MUG", 4, "hold", "released")]

    def test_the_sweeper_takes_what_ran_out_and_nothing_else(self) -> None:
        hold("bag:a", minutes=-1, MUG=1)
        hold("bag:b", minutes=1, MUG=2)
        allocate("bag:none", "sale:unpaid", MUG=3)
        Reservation.objects.filter(reference="sale:unpaid").update(expires_at=timezone.now() - LATER)
        assert operations.release_expired(timezone.now()) == 1
        assert operations.release_expired(timezone.now()) == 0
        assert counters() == (10, 5, 0, 5)

    def test_the_sweeper_works_in_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(promises, "SWEEP_BATCH", 3)
        for number in range(7):
            hold(f"bag:{number}", minutes=-1, MUG=1)
        assert operations.release_expired(timezone.now()) == 7
        assert counters() == (10, 0, 0, 10)

    def test_extend_never_shortens_and_never_ends_what_lasts(self) -> None:
        hold("bag:a", minutes=15, MUG=1)
        secure("sale:a", MUG=1)
        before = Reservation.objects.get(reference="bag:a").expires_at
        operations.extend("bag:a", until=timezone.now())
        operations.extend("sale:a", until=timezone.now())
        assert Reservation.objects.get(reference="bag:a").expires_at == before
        assert Reservation.objects.get(reference="sale:a").expires_at is None
        later = timezone.now() + timedelta(hours=1)
        operations.extend("bag:a", until=later)
        assert Reservation.objects.get(reference="bag:a").expires_at == later


class TestShip:
    def test_shelf_and_promise_fall_together(self) -> None:
        allocate("bag:a", "sale:a", MUG=4)
        ship("sale:a")
        ship("sale:a")
        assert counters() == (6, 0, 0, 6)
        assert reservations() == [("sale:a", "MUG", 4, "allocation", "fulfilled")]
        movement = StockMovement.objects.get(kind="shipment")
        assert (movement.quantity, movement.reference, movement.actor) == (-4, "sale:a", "user_staff")

    def test_a_hold_is_not_shipped(self) -> None:
        hold("bag:a", MUG=4)
        ship("bag:a")
        assert counters() == (10, 4, 0, 6)

    def test_a_shortfall_is_not_shipped_from_an_empty_shelf(self) -> None:
        allocate("bag:a", "sale:a", MUG=4)
        count(3)
        with pytest.raises(StockBelowZero), transaction.atomic():
            ship("sale:a")
        assert counters() == (3, 4, 1, 0)


class TestShelf:
    @pytest.mark.parametrize("wanted", [0, 1, 6, 100])
    def test_set_available_leaves_that_many_to_buy(self, item: StockItem, wanted: int) -> None:
        hold("bag:a", MUG=4)
        operations.set_rules(item, safety_stock=2, backorder_limit=0, low_stock_threshold=0)
        with transaction.atomic():
            operations.set_available("MUG", wanted, reason="set", actor="user_staff")
        assert counters() == (wanted + 6, 4, 0, wanted)

    def test_set_available_counts_the_other_warehouses(self) -> None:
        outlet = Warehouse.objects.create(code="outlet", name="Outlet", priority=200)
        other = StockItem.objects.create(sku="MUG", warehouse=outlet, low_stock_threshold=0)
        with transaction.atomic():
            operations.set_on_hand(other, 5, reason="counted", actor="user_staff")
            operations.set_available("MUG", 8, reason="set", actor="user_staff")
        assert StockItem.objects.available_by_sku(["MUG"]) == {"MUG": 8}

    def test_a_shelf_does_not_go_below_nothing(self, item: StockItem) -> None:
        operations.set_rules(item, safety_stock=0, backorder_limit=20, low_stock_threshold=0)
        for change in (
            lambda: operations.set_available("MUG", 5, reason="set", actor=""),
            lambda: operations.adjust(item, -11, reason="broken", actor=""),
        ):
            # Caught inside the transaction: no movement may stay without its change.
            with transaction.atomic(), pytest.raises(StockBelowZero):
                change()
        assert StockMovement.objects.count() == 1

    def test_a_number_that_no_shelf_holds_is_refused(self) -> None:
        with transaction.atomic(), pytest.raises(TooManyUnits):
            operations.set_available("MUG", 2**31 - 1 + 1, reason="set", actor="")

    def test_a_receipt_with_a_key_counts_once(self) -> None:
        for _ in range(2):
            with transaction.atomic():
                operations.receive("MUG", 5, reason="delivery", actor="", key="delivery-7")
        assert counters()[0] == 15

    def test_a_sku_that_nobody_stocked_gets_its_item_with_the_first_receipt(self) -> None:
        with transaction.atomic():
            operations.receive("NEW", 5, reason="delivery", actor="")
        assert counters("NEW") == (5, 0, 0, 5)

    def test_a_count_that_changes_nothing_leaves_no_trace(self) -> None:
        count(10)
        assert StockMovement.objects.count() == 1


class TestShortfall:
    def test_a_stock_take_that_finds_too_few_blocks_the_sale(self) -> None:
        hold("bag:a", MUG=8)
        count(5)
        assert counters() == (5, 8, 3, 0)
        assert StockItem.objects.available_by_sku(["MUG"]) == {}
        with pytest.raises(InsufficientStock):
            hold("bag:b", MUG=1)
        with pytest.raises(InsufficientStock):
            hold("bag:a", MUG=9)
        hold("bag:a", MUG=8)

    def test_it_heals_as_units_come_back_or_arrive(self) -> None:
        hold("bag:a", MUG=4)
        hold("bag:b", MUG=4)
        count(3)
        hold("bag:a", MUG=2)
        assert counters() == (3, 6, 3, 0)
        release("bag:a")
        assert counters() == (3, 4, 1, 0)
        with transaction.atomic():
            operations.receive("MUG", 2, reason="delivery", actor="")
        assert counters() == (5, 4, 0, 1)
        hold("bag:a", MUG=1)

    def test_a_lower_backorder_limit_is_a_shortfall_too(self, item: StockItem) -> None:
        operations.set_rules(item, safety_stock=0, backorder_limit=5, low_stock_threshold=0)
        hold("bag:a", MUG=14)
        operations.set_rules(item, safety_stock=0, backorder_limit=1, low_stock_threshold=0)
        assert counters() == (10, 14, 3, 0)


def count(quantity: int) -> None:
    with transaction.atomic():
        operations.set_on_hand(StockItem.objects.get(sku="MUG"), quantity, reason="stock-take", actor="user_staff")
