"""Servers that are there and do not answer, or late; a row that somebody holds. Nobody waits for them for long."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.faults.behind_proxies import SKU, FaultyShop
from tests.faults.load import Load
from tests.faults.outages import order_anew
from tests.stack import eventually

SECONDS = 6
NOTICED_SECONDS = 3
LOCK_TIMEOUT_SECONDS = 5
RECOVERS_SECONDS = 10
BREAKS: dict[str, dict[str, Any]] = {
    "silent": {"is_silent": True},
    "dropped": {"drop_after": 20_000},
}

pytestmark = [pytest.mark.slow]


@pytest.fixture(autouse=True)
def sound(shop: FaultyShop) -> Iterator[None]:
    yield
    assert shop.broken_invariants() == []


@pytest.mark.parametrize("fault", ["late", "silent"])
def test_redis_that_does_not_answer(shop: FaultyShop, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    """F5: the first ones wait for the time-outs, then nobody asks it for a while."""
    with Load(shop.stack, SKU) as load:
        time.sleep(NOTICED_SECONDS)
        warm = time.monotonic()
        time.sleep(SECONDS)
        normal = load.seconds(0.95, since=warm)
        faulty = {"latency": 2.0} if fault == "late" else {"is_silent": True}
        with shop.redis.faulty(**faulty):
            time.sleep(NOTICED_SECONDS)
            noticed = time.monotonic()
            time.sleep(SECONDS)
            slow = load.seconds(0.95, since=noticed)
        time.sleep(3)
    with capsys.disabled():
        print(f"\nRedis {fault}: {dict(load.statuses())}, 95 % within {normal:.2f} s before, {slow:.2f} s with it")
    assert shop.redis.struck[fault] > 0
    assert load.failed() == []
    assert slow < 2 * normal + 0.5


def test_postgresql_that_is_slow(shop: FaultyShop, capsys: pytest.CaptureFixture[str]) -> None:
    with Load(shop.stack, SKU) as load:
        time.sleep(2)
        with shop.postgres.faulty(latency=0.02):
            time.sleep(SECONDS)
    with capsys.disabled():
        print(f"\nPostgreSQL slow: {dict(load.statuses())}, 95 % within {load.seconds(0.95):.2f} s")
    assert shop.postgres.struck["late"] > 0
    assert load.acknowledged and load.failed() == []


@pytest.mark.parametrize("fault", ["cut", "silent", "dropped"])
def test_postgresql_connections_that_break(shop: FaultyShop, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    """At worst 503 with Retry-After; after the fault no request meets a dead connection as an error of ours."""
    struck = shop.postgres.struck[fault]
    with Load(shop.stack, SKU) as load:
        time.sleep(2)
        if fault == "cut":
            for _ in range(5):
                shop.postgres.cut()
                time.sleep(0.5)
        else:
            with shop.postgres.faulty(**BREAKS[fault]):
                time.sleep(4)
        over = time.monotonic()
        order_anew(shop.stack)
        assert time.monotonic() - over < RECOVERS_SECONDS
        time.sleep(2)
    with capsys.disabled():
        print(f"\nPostgreSQL {fault}: {dict(load.statuses())}, the longest {load.seconds(1):.2f} s")
    assert shop.postgres.struck[fault] > struck
    assert {sample.status for sample in load.failed()} <= {503}
    assert all(sample.retry_after for sample in load.failed())


def test_somebody_holds_the_row(shop: FaultyShop, capsys: pytest.CaptureFixture[str]) -> None:
    """F9: who wants the article is refused after the time-out; who looks does not notice."""
    with psycopg.connect(shop.database_url) as blocker:
        blocker.execute("SELECT 1 FROM inventory_stockitem WHERE sku = %s FOR UPDATE", [SKU])
        with Load(shop.stack, SKU) as load:
            time.sleep(SECONDS)
            blocker.rollback()
            over = time.monotonic()
            eventually(lambda: load.acknowledged, seconds=15, what="the first order after it")
    held = [sample for sample in load.samples if sample.at + sample.seconds < over]
    with capsys.disabled():
        print(f"\nRow held: carts {dict(load.statuses('cart'))}, reads {dict(load.statuses('read'))}", end=" ")
        print(f"95 % within {load.seconds(0.95, kind='read'):.2f} s")
    assert {sample.status for sample in held if sample.kind == "cart"} == {503}
    assert max(sample.seconds for sample in held) < LOCK_TIMEOUT_SECONDS + 3
    assert set(load.statuses("read")) == {200}
    assert load.seconds(0.95, kind="read") < LOCK_TIMEOUT_SECONDS / 2
