"""Each guard between bag and order in the race that it decides, and the same race without it."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from accounts.tests.factories import UserFactory
from cart import operations as carts
from cart.models import CartSnapshot
from catalog.models import Variant
from checkout import operations
from inventory import operations as inventory
from orders.models import Order
from shop import idempotency
from shop.models import IdempotencyKey
from tests.races.pairs import (
    Pair,
    Race,
    assert_kept,
    assert_lost,
    at_once,
    replaced,
    together,
    without_constraint,
)

from .books import broken
from .factories import make_cart, make_variant, place_order, reprice

pytestmark = pytest.mark.django_db(transaction=True)

READS_CART = r'SELECT .* FROM "cart_cartsnapshot"'
CLICKS = 20
# No more at once than the pool has connections for.
BASKETS, WORKERS = 1000, 5
Removal = AbstractContextManager[object]


# --- Guards, taken away


def without_cart_lock() -> Removal:
    def unlocked(*bags: CartSnapshot | None) -> dict[int, CartSnapshot]:
        return {bag.pk: bag for bag in CartSnapshot.objects.filter(pk__in=[bag.pk for bag in bags if bag])}

    return replaced(carts, "_locked_by_id", unlocked)


def without_cart_lock_and_index() -> Removal:
    return together(without_cart_lock(), without_constraint(Order, "one_living_order_per_cart"))


def without_key_index() -> Removal:
    return without_constraint(IdempotencyKey, "idempotency_key_once")


def without_look_at_the_total() -> Removal:
    return replaced(operations, "refuse_other_total", lambda *_: None)


def without_one_open_cart() -> Removal:
    return without_constraint(CartSnapshot, "one_open_cart_per_person")


# --- Schedules


def clicked_often(number: int) -> Race:
    """One bag, ordered by twenty clicks that know nothing of each other."""
    bag = make_cart(make_variant(sku=f"CLICK-{number}", stock=100), quantity=1)
    clicks = [lambda: place_order(cart=bag)] * CLICKS

    def violation(answers: list[Any]) -> str:
        orders = Order.objects.filter(cart_reference=bag.reference).count()
        return "" if orders == 1 else "one bag, several orders" if orders else "no order"

    return Race(clicks, violation)


def sent_often(number: int) -> Race:
    """One request with its Idempotency-Key, sent twenty times at once."""
    done, lock = [], Lock()

    def act() -> HttpResponse:
        time.sleep(0.01)
        with lock:
            done.append(number)
        return HttpResponse(b"{}", status=201)

    def send() -> HttpResponse:
        request: HttpRequest = RequestFactory().post("/api/orders", "{}", content_type="application/json")
        request.META["HTTP_IDEMPOTENCY_KEY"] = f"key-{number}"
        return idempotency.once(request, principal="cart:of-the-test", action=act)

    return Race([send] * CLICKS, lambda _: "" if len(done) == 1 else "done more than once")


def raised_while_ordered(number: int) -> Race:
    """The price rises between the review page and the order."""
    variant = make_variant(sku=f"PRICE-{number}", price_minor=2400)
    bag = make_cart(variant, quantity=1)
    shown = 2400 + 490

    def violation(answers: list[Any]) -> str:
        order = answers[0] if isinstance(answers[0], Order) else None
        return "charged what nobody agreed to" if order and order.total_minor != shown else ""

    return Race([lambda: place_order(cart=bag, shown_total_minor=shown), lambda: reprice(variant, 2900)], violation)


def edited_while_ordered(number: int) -> Race:
    """Another tab puts one more into the bag while it is ordered."""
    variant = make_variant(sku=f"EDIT-{number}", stock=100)
    bag = make_cart(variant, quantity=1)

    def add() -> CartSnapshot:
        return carts.add_item(bag, variant=variant, quantity=1, now=timezone.now())

    def violation(answers: list[Any]) -> str:
        order, left = answers[0], CartSnapshot.objects.get(pk=bag.pk)
        if not isinstance(order, Order):
            return "no order"
        ordered = sum(line.quantity for line in order.lines.all())
        added = isinstance(answers[1], CartSnapshot)
        if left.state != CartSnapshot.State.ORDERED:
            return "ordered, and still in the bag"
        return "" if ordered == (2 if added else 1) else "told that it is in the bag, and not ordered"

    return Race([lambda: place_order(cart=bag), add], violation)


def begun_while_given_back(number: int) -> Race:
    """An unpaid order gives its bag back in the moment in which its person begins another."""
    person = UserFactory.create()
    bag = make_cart(make_variant(sku=f"BACK-{number}"), user=person, quantity=1)
    carts.close(bag, now=timezone.now())
    with transaction.atomic():
        inventory.release(bag.reference)

    def violation(answers: list[Any]) -> str:
        bags = CartSnapshot.objects.open().filter(user=person).count()
        return "" if bags == 1 else "two open bags"

    actors: list[Callable[[], object]] = [
        lambda: carts.reopen(bag, now=timezone.now()),
        lambda: carts.open_cart(person),
    ]
    return Race(actors, violation)


PAIRS = [
    Pair("one bag, twenty clicks", clicked_often, without_cart_lock_and_index, "one bag, several orders", READS_CART),
    Pair("one key, twenty requests", sent_often, without_key_index, "done more than once"),
    Pair(
        "price raised between shown and placed",
        raised_while_ordered,
        without_look_at_the_total,
        "charged what nobody agreed to",
        READS_CART,
    ),
    Pair(
        "bag edited while it is ordered",
        edited_while_ordered,
        without_cart_lock,
        "told that it is in the bag, and not ordered",
        READS_CART,
    ),
    Pair(
        "bag begun while another comes back", begun_while_given_back, without_one_open_cart, "two open bags", READS_CART
    ),
]

# Twenty at once are a crowd in each round.
ROUNDS: dict[Callable[[int], Race], int] = {clicked_often: 5, sent_often: 5}


@pytest.fixture(autouse=True)
def _plenty(settings: Any) -> None:
    settings.SHOP_MAX_QUANTITY = 100


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_the_guard_keeps(pair: Pair) -> None:
    assert_kept(pair, rounds=ROUNDS.get(pair.schedule, 20))
    assert broken() == {}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_without_its_guard_it_is_lost(pair: Pair) -> None:
    assert_lost(pair, rounds=ROUNDS.get(pair.schedule, 20))


# --- Baskets that cross


def deadlocks() -> int:
    with connection.cursor() as cursor:
        # What other connections did comes to the statistics when they are idle or gone.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


@pytest.mark.slow
def test_a_thousand_crossing_baskets_never_wait_in_a_circle() -> None:
    """Each names the same two articles, every other one the other way round; all hold and let go."""
    one, other = (make_variant(sku=sku, stock=10_000) for sku in ("ONE", "OTHER"))
    before = deadlocks()

    def baskets(worker: int) -> Callable[[], object]:
        def run() -> int:
            for number in range(BASKETS // WORKERS):
                skus = (one.sku, other.sku) if (worker + number) % 2 else (other.sku, one.sku)
                reference = f"cart:crossing-{worker}-{number}"
                with transaction.atomic():
                    inventory.hold(reference, dict.fromkeys(skus, 1), until=timezone.now() + carts.hold_time())
                with transaction.atomic():
                    inventory.release(reference)
            return BASKETS // WORKERS

        return run

    answers = at_once([baskets(worker) for worker in range(WORKERS)])
    assert answers == [BASKETS // WORKERS] * WORKERS
    time.sleep(1)
    assert deadlocks() == before
    assert Variant.objects.count() == 2
    assert broken() == {}
