from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from cart import operations
from cart.errors import CartClosed, CartFull, NotSold, QuantityLimit
from cart.models import CartSnapshot
from cart.queries import view
from catalog.models import Variant
from catalog.operations import refresh
from catalog.tests.factories import VariantFactory
from inventory import operations as inventory
from inventory.errors import InsufficientStock
from inventory.models import Reservation
from shop.errors import NotFound

from .factories import add, available, cart_of, contents, holds, item_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound", "mug", "bowl")]
NOW = timezone.now


@pytest.fixture
def hold_at_checkout(settings: Any) -> None:
    settings.SHOP_HOLD_STOCK_AT = "checkout"


class TestAdd:
    def test_units_add_up_on_one_line_and_are_held(self) -> None:
        cart = cart_of(MUG=2)
        add(cart, "MUG", 3)
        assert contents(cart) == holds(cart) == {"MUG": 5}
        assert available() == 5

    def test_each_change_raises_the_version(self) -> None:
        cart = cart_of()
        assert [cart.version, add(cart, "MUG", 1).version, add(cart, "MUG", 1).version] == [1, 2, 3]

    def test_more_than_there_is_is_refused_and_nothing_has_changed(self) -> None:
        cart = cart_of(MUG=8)
        with pytest.raises(InsufficientStock) as refusal:
            add(cart, "MUG", 3)
        assert refusal.value.available == 2
        assert contents(cart) == holds(cart) == {"MUG": 8}

    def test_ones_own_hold_does_not_count_against_it(self) -> None:
        cart = cart_of(MUG=10)
        operations.set_quantity(cart, item_id(cart), quantity=10, now=NOW())
        assert holds(cart) == {"MUG": 10}

    def test_more_than_the_limit_is_refused(self, settings: Any) -> None:
        settings.SHOP_MAX_QUANTITY = 5
        cart = cart_of(MUG=5)
        with pytest.raises(QuantityLimit):
            add(cart, "MUG", 1)
        assert contents(cart) == {"MUG": 5}

    def test_a_cart_has_so_many_different_articles(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(operations, "MAX_LINES", 1)
        cart = cart_of(MUG=1)
        with pytest.raises(CartFull):
            add(cart, "BOWL", 1)
        add(cart, "MUG", 1)
        assert contents(cart) == {"MUG": 2}

    @pytest.mark.parametrize("of", ["variant", "product"])
    def test_what_is_not_sold_any_more_is_refused(self, mug: Variant, of: str) -> None:
        noun = mug if of == "variant" else mug.product
        noun.is_active = False
        noun.save()
        with pytest.raises(NotSold):
            cart_of(MUG=1)

    def test_what_nobody_stocked_is_sold_out(self) -> None:
        VariantFactory.create(sku="NONE", stock=0)
        with pytest.raises(InsufficientStock):
            cart_of(NONE=1)


class TestChange:
    def test_a_quantity_is_absolute(self) -> None:
        cart = cart_of(MUG=5)
        for _ in range(2):
            operations.set_quantity(cart, item_id(cart), quantity=3, now=NOW())
        assert contents(cart) == holds(cart) == {"MUG": 3}

    def test_an_unknown_line_is_not_found(self) -> None:
        cart, other = cart_of(MUG=1), cart_of(MUG=1)
        with pytest.raises(NotFound):
            operations.set_quantity(cart, item_id(other), quantity=3, now=NOW())
        with pytest.raises(NotFound):
            operations.remove_item(cart, item_id(other), now=NOW())

    def test_what_is_removed_is_given_back_once(self) -> None:
        cart = cart_of(MUG=5, BOWL=1)
        line = item_id(cart)
        operations.remove_item(cart, line, now=NOW())
        with pytest.raises(NotFound):
            operations.remove_item(cart, line, now=NOW())
        assert contents(cart) == holds(cart) == {"BOWL": 1}
        assert available() == 10

    def test_clearing_twice_is_clearing_once(self) -> None:
        cart = cart_of(MUG=5, BOWL=1)
        first = operations.clear(cart, now=NOW())
        second = operations.clear(cart, now=NOW())
        assert contents(cart) == holds(cart) == {}
        assert first.version == second.version
        assert (available("MUG"), available("BOWL")) == (10, 10)

    def test_a_cart_that_was_ordered_does_not_change(self) -> None:
        cart = cart_of(MUG=1)
        line = item_id(cart)
        operations.close(cart, now=NOW())
        for change in (
            lambda: add(cart, "MUG", 1),
            lambda: operations.set_quantity(cart, line, quantity=2, now=NOW()),
            lambda: operations.remove_item(cart, line, now=NOW()),
            lambda: operations.clear(cart, now=NOW()),
            lambda: operations.begin_checkout(cart, now=NOW()),
            lambda: operations.close(cart, now=NOW()),
        ):
            with pytest.raises(CartClosed):
                change()
        operations.reopen(cart, now=NOW())

    def test_a_cart_that_was_forgotten_is_not_found(self) -> None:
        cart = cart_of()
        CartSnapshot.objects.all().delete()
        with pytest.raises(NotFound):
            add(cart, "MUG", 1)


class TestHoldTime:
    def test_a_hold_ends_after_its_time_and_the_line_stays(self, settings: Any) -> None:
        now = NOW() - timedelta(minutes=settings.SHOP_HOLD_MINUTES, seconds=1)
        cart = operations.add_item(cart_of(), variant=Variant.objects.get(sku="MUG"), quantity=4, now=now)
        assert inventory.release_expired(NOW()) == 1
        assert (contents(cart), holds(cart), available()) == ({"MUG": 4}, {}, 10)
        (line,) = view(cart, now=NOW()).lines
        assert (line.held_until, line.problem) == (None, "")

    def test_a_line_whose_units_others_took_says_so(self) -> None:
        cart = operations.add_item(
            cart_of(), variant=Variant.objects.get(sku="MUG"), quantity=4, now=NOW() - timedelta(hours=1)
        )
        inventory.release_expired(NOW())
        other = cart_of(MUG=8)
        assert view(cart, now=NOW()).lines[0].problem == "Only 2 left."
        add(other, "MUG", 2)
        assert view(cart, now=NOW()).lines[0].problem == "Sold out."
        assert view(other, now=NOW()).lines[0].problem == ""

    def test_checkout_extends_it_once(self, settings: Any) -> None:
        cart, start = cart_of(MUG=4), NOW()
        operations.begin_checkout(cart, now=start + timedelta(minutes=5))
        operations.begin_checkout(cart, now=start + timedelta(minutes=10))
        end = Reservation.objects.get().expires_at
        assert end == start + timedelta(minutes=5 + settings.SHOP_HOLD_MINUTES)

    def test_checkout_takes_back_what_ran_out(self) -> None:
        cart = cart_of(MUG=4)
        operations.begin_checkout(cart, now=NOW() - timedelta(hours=1))
        inventory.release_expired(NOW())
        assert holds(cart) == {}
        operations.begin_checkout(cart, now=NOW())
        assert holds(cart) == {"MUG": 4}

    def test_checkout_of_what_is_gone_is_refused(self) -> None:
        cart = operations.add_item(
            cart_of(), variant=Variant.objects.get(sku="MUG"), quantity=4, now=NOW() - timedelta(hours=1)
        )
        inventory.release_expired(NOW())
        cart_of(MUG=8)
        with pytest.raises(InsufficientStock):
            operations.begin_checkout(cart, now=NOW())


@pytest.mark.usefixtures("hold_at_checkout")
class TestHoldAtCheckout:
    def test_a_cart_holds_nothing_and_asks_all_the_same(self) -> None:
        cart = cart_of(MUG=8)
        assert (holds(cart), available()) == ({}, 10)
        assert cart.lines[0]["heldUntil"] is None
        with pytest.raises(InsufficientStock):
            add(cart, "MUG", 3)

    def test_checkout_holds(self) -> None:
        cart = cart_of(MUG=8)
        operations.begin_checkout(cart, now=NOW())
        assert holds(cart) == {"MUG": 8}

    @pytest.mark.parametrize("quantity", [4, 10])
    def test_who_goes_back_changes_what_is_held(self, quantity: int) -> None:
        """The cart's own units are no reason to call the article sold out."""
        cart = cart_of(MUG=8)
        operations.begin_checkout(cart, now=NOW())
        operations.set_quantity(cart, item_id(cart), quantity=quantity, now=NOW())
        assert holds(cart) == contents(cart) == {"MUG": quantity}

    def test_merging_holds_only_what_checkout_held(self, customer: User) -> None:
        own = cart_of(customer, MUG=1, BOWL=1)
        operations.begin_checkout(own, now=NOW())
        add(own, "MUG", 1)
        operations.merge(cart_of(MUG=2), customer, now=NOW())
        assert holds(own) == {"MUG": 4, "BOWL": 1}


class TestMerge:
    def test_a_guests_cart_becomes_the_persons(self, customer: User) -> None:
        guest = cart_of(MUG=2)
        merged = operations.merge(guest, customer, now=NOW())
        assert (merged.pk, merged.user) == (guest.pk, customer)
        assert holds(merged) == {"MUG": 2}

    def test_the_lines_of_two_are_added_up(self, customer: User) -> None:
        own, guest = cart_of(customer, MUG=2), cart_of(MUG=3, BOWL=1)
        merged = operations.merge(guest, customer, now=NOW())
        assert merged.pk == own.pk
        assert contents(own) == holds(own) == {"MUG": 5, "BOWL": 1}
        assert (contents(guest), holds(guest)) == ({}, {})
        guest.refresh_from_db()
        assert guest.state == "merged"

    def test_more_than_may_be_held_stays_without_a_hold(self, customer: User, settings: Any) -> None:
        settings.SHOP_MAX_HELD_UNITS = 5
        own, guest = cart_of(customer, MUG=2), cart_of(MUG=2, BOWL=2)
        operations.merge(guest, customer, now=NOW())
        assert contents(own) == {"MUG": 4, "BOWL": 2}
        assert holds(own) == {"MUG": 4}

    def test_merging_twice_is_merging_once(self, customer: User) -> None:
        own, guest = cart_of(customer, MUG=2), cart_of(MUG=3)
        operations.merge(guest, customer, now=NOW())
        operations.merge(guest, customer, now=NOW())
        assert contents(own) == {"MUG": 5}

    def test_a_sum_stops_at_the_limit(self, customer: User, settings: Any) -> None:
        settings.SHOP_MAX_QUANTITY = 4
        own, guest = cart_of(customer, MUG=3), cart_of(MUG=3)
        operations.merge(guest, customer, now=NOW())
        assert contents(own) == holds(own) == {"MUG": 4}

    @pytest.mark.parametrize("ran_out", ["own", "guest"])
    def test_a_sum_that_can_not_be_held_stays_without_a_hold(self, customer: User, ran_out: str) -> None:
        own, guest = cart_of(customer, MUG=4, BOWL=1), cart_of(BOWL=1, MUG=4)
        out = own if ran_out == "own" else guest
        Reservation.objects.filter(reference=out.reference, sku="MUG").update(expires_at=NOW() - timedelta(minutes=1))
        inventory.release_expired(NOW())
        cart_of(MUG=5)
        merged = operations.merge(guest, customer, now=NOW())
        assert contents(merged) == {"MUG": 8, "BOWL": 2}
        assert holds(merged) == {"BOWL": 2}
        mugs = view(merged, now=NOW()).lines[0]
        assert (mugs.held_until, mugs.problem) == (None, "Only 5 left.")

    def test_a_cart_that_somebody_else_has_is_left_alone(self, customer: User, django_user_model: Any) -> None:
        other = django_user_model.objects.create_user("eve@example.com")
        theirs = cart_of(other, MUG=2)
        operations.merge(theirs, customer, now=NOW())
        theirs.refresh_from_db()
        assert (theirs.user, contents(theirs)) == (other, {"MUG": 2})

    def test_a_cart_that_was_forgotten_is_no_reason_to_fail(self, customer: User) -> None:
        guest = cart_of()
        CartSnapshot.objects.all().delete()
        assert operations.merge(guest, customer, now=NOW()).user == customer


class TestReopen:
    def ordered(self, user: User | None = None) -> CartSnapshot:
        cart = operations.close(cart_of(user, MUG=2), now=NOW())
        inventory.release(cart.reference)
        return cart

    def test_the_lines_come_back_without_holds(self) -> None:
        cart = operations.reopen(self.ordered(), now=NOW())
        assert (cart.state, contents(cart), holds(cart)) == ("open", {"MUG": 2}, {})
        assert cart.lines[0]["heldUntil"] is None
        assert cart.checkout_started_at is None

    def test_they_join_the_cart_that_was_begun_since(self, customer: User) -> None:
        cart = self.ordered(customer)
        newer = cart_of(customer, BOWL=1)
        assert operations.reopen(cart, now=NOW()) == newer
        assert contents(newer) == {"BOWL": 1, "MUG": 2}
        cart.refresh_from_db()
        assert cart.state == "merged"

    def test_what_the_new_cart_has_already_counts(self, customer: User) -> None:
        cart = self.ordered(customer)
        newer = cart_of(customer, MUG=5)
        operations.reopen(cart, now=NOW())
        assert contents(newer) == holds(newer) == {"MUG": 5}

    def test_only_an_ordered_cart_is_reopened(self) -> None:
        cart = cart_of(MUG=2)
        assert operations.reopen(cart, now=NOW()).version == cart.version
        assert holds(cart) == {"MUG": 2}


def test_guests_carts_are_forgotten_after_a_month_and_peoples_are_not(customer: User) -> None:
    old, mine, recent = cart_of(), cart_of(customer), cart_of()
    CartSnapshot.objects.filter(pk__in=[old.pk, mine.pk]).update(updated_at=NOW() - timedelta(days=31))
    assert operations.forget_old(NOW()) == 1
    assert set(CartSnapshot.objects.all()) == {mine, recent}


def test_a_price_that_changed_is_shown_beside_the_one_that_was_seen(mug: Variant) -> None:
    cart = cart_of(MUG=2)
    mug.price_minor = 2600
    mug.save()
    refresh(mug.product)
    (line,) = view(cart, now=NOW()).lines
    assert (line.seen_price_minor, line.unit_price_minor, line.subtotal_minor) == (2400, 2600, 5200)
    add(cart, "MUG", 1)
    (line,) = view(CartSnapshot.objects.get(), now=NOW()).lines
    assert line.seen_price_minor == 2600


def test_an_article_that_was_withdrawn_stays_and_says_so(mug: Variant) -> None:
    cart = cart_of(MUG=2)
    Variant.objects.filter(pk=mug.pk).update(is_active=False)
    shown = view(cart, now=NOW())
    assert shown.has_problems
    assert shown.lines[0].problem == "No longer sold."


def test_times_are_read_back_as_they_were(mug: Variant) -> None:
    now = datetime.fromisoformat("2026-07-01T10:00:00+00:00")
    cart = operations.add_item(cart_of(), variant=mug, quantity=1, now=now)
    assert view(cart, now=now).lines[0].added_at == now
    inventory.release(cart.reference)
