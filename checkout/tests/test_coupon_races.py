"""One use of a coupon, many orders at the same moment, through the shop's own server."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from accounts.tests.clients import ApiClient
from cart import operations as carts
from cart.models import CartSnapshot
from orders import operations as orders
from orders.models import Order
from pricing.models import Coupon, PromotionUse
from pricing.operations import coupons
from pricing.tests.factories import coupon, stored_promotion

from .books import broken
from .clients import order_body
from .factories import make_cart, make_variant, place_order
from .test_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)
BUYERS = 20


def orders_at_once(address: str, bodies: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """Status and code of each answer; all requests leave at the same moment."""
    barrier = Barrier(len(bodies))

    def order(body: dict[str, Any]) -> tuple[int, str]:
        request = Request(
            f"{address}/api/orders", json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        barrier.wait()
        try:
            with urlopen(request, timeout=60) as answer:
                return answer.status, ""
        except HTTPError as error:
            return error.code, json.load(error)["code"]

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(order, bodies))


def bodies_with(code: str, **values: Any) -> list[dict[str, Any]]:
    """As many guests, each with a mug and the code in a cart of their own."""
    mug = make_variant(stock=1000)
    bags = [make_cart(mug, quantity=1) for _ in range(BUYERS)]
    for bag in bags:
        carts.add_coupon(bag, code, now=timezone.now())
    return [order_body(bag.public_id, email=f"buyer{number}@example.com") | values for number, bag in enumerate(bags)]


def test_one_use_is_claimed_once(live_server: Any) -> None:
    made = coupon("ONCE", usage_limit=1)
    answers = Counter(orders_at_once(live_server.url, bodies_with("ONCE")))
    assert answers[201, ""] == 1
    assert set(answers) <= {(201, ""), (409, "coupon_used_up"), (409, "coupon_not_applicable")}
    made.refresh_from_db()
    assert (made.used, PromotionUse.objects.count(), Order.objects.count()) == (1, 1, 1)
    assert CartSnapshot.objects.open().count() == BUYERS - 1
    assert broken() == {}


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Iterator[None]:
    constraint = next(each for each in Coupon._meta.constraints if each.name == "coupon_within_its_limit")
    monkeypatch.setattr(coupons, "GUARD", Q())
    with connection.schema_editor() as editor:
        editor.remove_constraint(Coupon, constraint)
    yield
    Coupon.objects.update(usage_limit=None)
    with connection.schema_editor() as editor:
        editor.add_constraint(Coupon, constraint)


@pytest.mark.usefixtures("unguarded")
def test_without_the_guard_and_the_check_it_is_claimed_more_than_once(live_server: Any) -> None:
    made = coupon("ONCE", usage_limit=1)
    orders_at_once(live_server.url, bodies_with("ONCE"))
    made.refresh_from_db()
    assert made.used > 1
    assert "G3" in broken()


def test_a_customers_one_use_is_claimed_once(live_server: Any) -> None:
    coupon("MINE", usage_limit_per_customer=1)
    answers = Counter(orders_at_once(live_server.url, bodies_with("MINE", email="Ada@example.com")))
    assert answers[201, ""] == Order.objects.count() == 1
    assert broken() == {}


def test_a_first_order_is_one_of_many(live_server: Any) -> None:
    """Who sees the total sees the discount; the others are told that it holds no more."""
    coupon("START", of=stored_promotion(name="First order", needs_coupon=True, new_customers_only=True))
    answers = Counter(orders_at_once(live_server.url, bodies_with("START", email="ada@example.com")))
    assert answers[201, ""] == Order.objects.count() == 1
    assert broken() == {}


def test_one_code_twice_in_a_cart_is_one(api: ApiClient) -> None:
    coupon("Welcome-10")
    bag = make_cart()
    spellings = ["WELCOME10", "welcome-10", " Welcome 10 ", "WELCOME-10"]
    at_once(*[lambda code=code: carts.add_coupon(bag, code, now=timezone.now()) for code in spellings])
    bag.refresh_from_db()
    assert bag.coupon_codes == ["Welcome-10"]
    assert place_order(cart=bag).discount_minor == 480
    assert Coupon.objects.get().used == 1


def test_cancelled_by_many_at_once_comes_back_once() -> None:
    made = coupon("ONCE", usage_limit=2)
    bag = carts.add_coupon(make_cart(), "ONCE", now=timezone.now())
    order = place_order(cart=bag)

    def cancel() -> Order:
        return orders.cancel_order(order, actor="guest", reason="test", now=timezone.now())

    jobs: list[Callable[[], Any]] = [cancel, lambda: coupons.give_back(order.reference)] * 4
    at_once(*jobs)
    made.refresh_from_db()
    assert made.used == 0
    assert broken() == {}
