"""Servers and processes taken away while people look and buy: what tests do for seconds and benchmarks for minutes."""

import os
import secrets
import signal
import time

from tests.faults.buyer import Buyer, insist
from tests.faults.crashes import children, processes
from tests.faults.load import Load
from tests.faults.own_servers import OwnShop
from tests.stack import Stack, eventually

SKU = "BOWL"
RECOVERS_SECONDS = 10
CATCHES_UP_SECONDS = 30


def redis_away(shop: OwnShop, *, seconds: float) -> tuple[Load, int]:
    """Stops Redis for so long, starts it empty, then empties it once more. Answers how many orders came meanwhile."""
    with Load(shop.stack, SKU) as load:
        time.sleep(3)
        shop.valkey.stop()
        before = len(load.acknowledged)
        time.sleep(seconds)
        meanwhile = len(load.acknowledged) - before
        shop.valkey.start()
        time.sleep(3)
        assert shop.valkey.flush() > 0, "there was nothing to forget"
        time.sleep(3)
    return load, meanwhile


def postgres_restarts(shop: OwnShop, *, times: int) -> tuple[Load, list[float]]:
    """Crashes PostgreSQL so often. Answers the seconds from its return until somebody who comes new has ordered."""
    recoveries = []
    with Load(shop.stack, SKU) as load:
        for _ in range(times):
            time.sleep(3)
            shop.postgres.crash_and_start()
            back = time.monotonic()
            order_anew(shop.stack)
            recoveries.append(time.monotonic() - back)
        time.sleep(3)
    return load, recoveries


def order_anew(stack: Stack) -> None:
    """A page is shown and an order placed for somebody who comes only now."""
    assert insist(lambda: stack.call("GET", "/"), patience=60, longest_pause=0.2).status == 200
    Buyer(stack, SKU, f"10.99.{secrets.randbelow(256)}.{secrets.randbelow(256)}", longest_pause=0.2).place()


def worker_killed(shop: OwnShop, *, times: int) -> Load:
    with Load(shop.stack, SKU) as load:
        for _ in range(times):
            time.sleep(3)
            kill_and_await(shop, shop.stack.pid_of("worker"))
        time.sleep(3)
    return load


def kill_and_await(shop: OwnShop, pid: int) -> None:
    """kill -9; returns when as many processes live as before."""
    before = processes(shop.stack)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: pid not in processes(shop.stack), seconds=5, what=f"process {pid} to die")
    eventually(lambda: len(processes(shop.stack)) >= len(before), seconds=30, what="its successor")


def web_workers(shop: OwnShop) -> list[int]:
    """The processes that answer requests. The first child is the keeper of what they share, and answers none."""
    return sorted(children(shop.stack.pid_of("web")))[1:]


def seconds_until_nothing_is_lost(shop: OwnShop, load: Load) -> float:
    """Until every order that was acknowledged is there and, where it was paid for, known to be paid."""
    started = time.monotonic()
    eventually(lambda: not shop.unpaid(load.acknowledged), seconds=120, what="the worker to catch up")
    return time.monotonic() - started
