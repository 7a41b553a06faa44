"""Servers that go away while people look and buy. docs/operations/faults.md tells what each outage means."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.faults.buyer import put_on_sale
from tests.faults.crashes import processes
from tests.faults.load import Load
from tests.faults.own_servers import OwnShop, own_shop
from tests.stack import eventually

SKU = "BOWL"
REDIS_AWAY_SECONDS = 10
RESTARTS = 3
CATCHES_UP_SECONDS = 30
RECOVERS_SECONDS = 10

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
    with Load(settled.stack, SKU) as load:
        time.sleep(3)
        settled.valkey.stop()
        away = time.monotonic()
        time.sleep(REDIS_AWAY_SECONDS)
        settled.valkey.start()
        back = time.monotonic()
        time.sleep(3)
        assert settled.valkey.flush() > 0
        time.sleep(3)
    tell(capsys, "Redis away", load)
    assert [sample for sample in load.since(away) if sample.kind == "checkout" and sample.at < back], "nobody bought"
    assert load.failed() == []
    check_nothing_is_lost(settled, load)


def test_postgresql_crashes_again_and_again(settled: OwnShop, capsys: pytest.CaptureFixture[str]) -> None:
    recoveries = []
    with Load(settled.stack, SKU) as load:
        for _ in range(RESTARTS):
            time.sleep(3)
            settled.postgres.crash_and_start()
            back = time.monotonic()
            eventually(lambda since=back: answered(load, since), seconds=RECOVERS_SECONDS, what="the shop to recover")
            recoveries.append(time.monotonic() - back)
        time.sleep(3)
    tell(capsys, f"PostgreSQL restarted {RESTARTS} times, recovered in {max(recoveries):.1f} s at most", load)
    failed = load.failed()
    assert failed, "nobody noticed: nothing was broken"
    assert {sample.status for sample in failed} == {503}
    assert all(sample.retry_after for sample in failed)
    check_nothing_is_lost(settled, load)


def test_the_worker_is_killed(settled: OwnShop, capsys: pytest.CaptureFixture[str]) -> None:
    with Load(settled.stack, SKU) as load:
        time.sleep(3)
        before = processes(settled.stack)
        os.kill(settled.stack.pid_of("worker"), signal.SIGKILL)
        eventually(lambda: before - processes(settled.stack), seconds=5, what="the worker to die")
        eventually(lambda: len(processes(settled.stack)) == len(before), seconds=10, what="the worker's return")
        time.sleep(3)
    tell(capsys, "worker killed", load)
    assert load.failed() == []
    check_nothing_is_lost(settled, load)


def answered(load: Load, since: float) -> bool:
    """Every kind of request was carried out again."""
    served = {sample.kind for sample in load.since(since) if 0 < sample.status < 400}
    return served >= {"read", "cart", "checkout"}


def check_nothing_is_lost(shop: OwnShop, load: Load) -> None:
    assert len(load.acknowledged) > 3
    eventually(lambda: not shop.unpaid(load.acknowledged), seconds=CATCHES_UP_SECONDS, what="the worker to catch up")


def tell(capsys: pytest.CaptureFixture[str], title: str, load: Load) -> None:
    with capsys.disabled():
        print(f"\n{title}: {dict(load.statuses())}, {len(load.acknowledged)} orders,", end=" ")
        print(f"95 % within {load.seconds(0.95):.2f} s, the longest {load.seconds(1):.2f} s")
