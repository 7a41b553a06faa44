"""Servers that go away while people look and buy. docs/operations/faults.md tells what each outage means."""

from collections.abc import Iterator

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
from tests.stack import Stack, eventually

REDIS_AWAY_SECONDS = 10
RESTARTS = 3

MAKE_SESSION = """
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.cached_db import SessionStore
from accounts.models import User
user = User.objects.filter(is_staff=True).first()
session = SessionStore()
session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session.create()
print(session.session_key)
"""

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
    cookies = {"guest": {}, "signed in": {"Cookie": f"sessionid={session_of_staff(stack)}"}}
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


def session_of_staff(stack: Stack) -> str:
    return stack.manage("shell", "-v", "0", "-c", MAKE_SESSION).strip().splitlines()[-1]


def check_nothing_is_lost(shop: OwnShop, load: Load) -> None:
    assert len(load.acknowledged) > 3
    assert seconds_until_nothing_is_lost(shop, load) < CATCHES_UP_SECONDS


def tell(capsys: pytest.CaptureFixture[str], title: str, load: Load) -> None:
    with capsys.disabled():
        print(f"\n{title}: {dict(load.statuses())}, {len(load.acknowledged)} orders,", end=" ")
        print(f"95 % within {load.seconds(0.95):.2f} s, the longest {load.seconds(1):.2f} s")
