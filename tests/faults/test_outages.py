"""Servers that go away while people look and buy. docs/operations/faults.md tells what each outage means."""

import secrets
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.faults.buyer import put_on_sale
from tests.faults.load import Load
from tests.faults.outages import (
    CATCHES_UP_SECONDS,
    RECOVERS_SECONDS,
    SKU,
    postgres_restarts,
    redis_away,
    seconds_until_nothing_is_lost,
    worker_killed,
)
from tests.faults.own_servers import OwnShop, own_shop
from tests.stack import PASSWORD, Stack, eventually, request

REDIS_AWAY_SECONDS = 10
RESTARTS = 3

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnShop]:
    with own_shop(tmp_path_factory.mktemp("outages")) as shop:
        put_on_sale(shop.stack, SKU, units=100_000)
        yield shop


@pytest.fixture
def settled(shop: OwnShop) -> Iterator[OwnShop]:
    """Afterwards nothing waits, and nothing is wrong."""
    yield shop
    eventually(lambda: not shop.pending(), seconds=90, what="the queue to be empty")
    assert shop.stack.broken_invariants() == []


def test_redis_stops_and_comes_back_empty(settled: OwnShop, capsys: pytest.CaptureFixture[str]) -> None:
    load, meanwhile = redis_away(settled, seconds=REDIS_AWAY_SECONDS)
    tell(capsys, "Redis away", load)
    assert meanwhile, "nobody bought"
    assert load.failed() == []
    check_nothing_is_lost(settled, load)


def test_postgresql_crashes_again_and_again(settled: OwnShop, capsys: pytest.CaptureFixture[str]) -> None:
    load, recoveries = postgres_restarts(settled, times=RESTARTS)
    tell(capsys, f"PostgreSQL restarted {RESTARTS} times, recovered in {max(recoveries):.1f} s at most", load)
    failed = load.failed()
    assert failed, "nobody noticed: nothing was broken"
    assert {sample.status for sample in failed} == {503}
    assert all(sample.retry_after for sample in failed)
    assert max(recoveries) < RECOVERS_SECONDS
    check_nothing_is_lost(settled, load)


def test_the_worker_is_killed(settled: OwnShop, capsys: pytest.CaptureFixture[str]) -> None:
    load = worker_killed(settled, times=1)
    tell(capsys, "worker killed", load)
    assert load.failed() == []
    check_nothing_is_lost(settled, load)


def test_postgresql_is_away(settled: OwnShop) -> None:
    """Every door says 503 and when to come back: to guests, to who is signed in, to programs."""
    stack = settled.stack
    token = stack.sign_in_staff()
    cookies = {"guest": {}, "signed in": {"Cookie": session_of_somebody(stack)}}
    assert stack.call("GET", "/account/", **cookies["signed in"]).status == 200
    settled.postgres.halt()
    try:
        for who, headers in cookies.items():
            for path in ("/", "/products/", "/cart/", "/checkout/", "/account/", "/admin/"):
                answer = stack.call("GET", path, **headers)
                assert answer.status in {200, 302, 503}, (who, path, answer.status)
                assert answer.status != 503 or answer.headers["retry-after"], (who, path)
        for path in ("/api/products", "/api/cart/me", "/api/orders/user/me", "/api/users/me"):
            answer = stack.call("GET", path, token=token)
            assert (answer.status, bool(answer.headers.get("retry-after"))) == (503, True), path
        assert stack.call("GET", "/readyz").status == 503
        assert stack.call("GET", "/livez").status == 200
    finally:
        settled.postgres.resume()
    eventually(lambda: stack.call("GET", "/readyz").status == 200, seconds=RECOVERS_SECONDS, what="the shop to recover")
    assert stack.call("GET", "/account/", **cookies["signed in"]).status == 200


def session_of_somebody(stack: Stack) -> str:
    """The cookie of who signed in on the page."""
    email = f"somebody-{secrets.token_hex(4)}@example.com"
    stack.manage("createsuperuser", "--noinput", "--email", email, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    form = urlencode({"email": email, "password": PASSWORD}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = request(f"{stack.base_url}/account/login/", "POST", form, headers)
    assert answer.status == 302, (answer.status, answer.body)
    return answer.headers["set-cookie"].partition(";")[0]


def check_nothing_is_lost(shop: OwnShop, load: Load) -> None:
    assert len(load.acknowledged) > 3
    assert seconds_until_nothing_is_lost(shop, load) < CATCHES_UP_SECONDS


def tell(capsys: pytest.CaptureFixture[str], title: str, load: Load) -> None:
    with capsys.disabled():
        print(f"\n{title}: {dict(load.statuses())}, {len(load.acknowledged)} orders,", end=" ")
        print(f"95 % within {load.seconds(0.95):.2f} s, the longest {load.seconds(1):.2f} s")
