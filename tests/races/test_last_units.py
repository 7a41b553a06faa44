"""500 buyers for 10 units, against the server that `bin/run` starts, rate limits on."""

import os
from collections.abc import Iterator

import pytest

from tests.races.crowd import Outcome, Wish, address, storm
from tests.stack import Stack, running

BUYERS, UNITS = 500, 10
ADDRESS = {"fullName": "Ada Byron", "line1": "Am Markt 1", "city": "Bremen", "postalCode": "28195", "country": "DE"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs the servers of bin/test"),
]


@pytest.fixture(params=["cart", "checkout"], scope="module")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    env = {"SHOP_HOLD_STOCK_AT": request.param, "SHOP_TRUSTED_PROXIES": "1"}
    with running(tmp_path_factory.mktemp("race"), redis_database=9, **env) as stack:
        yield stack


def test_ten_units_are_sold_ten_times(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    policy = stack.env["SHOP_HOLD_STOCK_AT"]
    sku = f"RARE-{policy.upper()}"
    put_on_sale(stack, sku)

    adds = storm(stack.base_url, [wish_for(sku, number) for number in range(BUYERS)])
    if policy == "cart":
        race = adds
    else:
        # Nothing is held yet: everybody has the article in the bag, and the orders race.
        assert adds.statuses == {200: BUYERS}
        carts = [reply.body["data"]["cartId"] for reply in adds.replies]
        race = storm(stack.base_url, [order_of(cart, number) for number, cart in enumerate(carts)])
    with capsys.disabled():
        print(f"\n{policy}: {race.most_open} sockets open at once, answers {dict(race.statuses)}")

    assert race.most_open >= 200
    check_winners_and_losers(race, won=200 if policy == "cart" else 201)
    assert available(stack, sku) == 0
    assert stack.broken_invariants() == []


def check_winners_and_losers(race: Outcome, *, won: int) -> None:
    assert race.statuses == {won: UNITS, 409: BUYERS - UNITS}
    codes = {reply.body["code"] for reply in race.replies if reply.status == 409}
    assert codes == {"insufficient_stock"}


def put_on_sale(stack: Stack, sku: str) -> None:
    product = {"name": "Rare bowl", "description": "Ten were made.", "price": 12.5, "category": "Table", "sku": sku}
    staff = stack.sign_in_staff()
    stack.manage("shell", "-c", "from catalog.operations import make_category; make_category(['Table'])")
    assert stack.call("POST", "/api/products", product | {"stock": UNITS}, token=staff).status == 201


def wish_for(sku: str, number: int) -> Wish:
    return Wish("POST", "/api/cart/me/items", {"sku": sku, "quantity": 1}, address(number))


def order_of(cart_id: str, number: int) -> Wish:
    body = {"cartId": cart_id, "email": f"buyer{number}@example.com", "shippingAddress": ADDRESS}
    return Wish("POST", "/api/orders", {**body, "paymentMethod": "stripe"}, address(number))


def available(stack: Stack, sku: str) -> int:
    products = stack.call("GET", "/api/products").data
    return next(int(product["stock"]) for product in products if product["sku"] == sku)
