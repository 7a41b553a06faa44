"""More who ask than the shop has threads and database connections for: they queue or are told to come again."""

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

from tests.races.crowd import Connection, Reply, address
from tests.stack import Stack, running

CROWD = 600
PATIENCE_SECONDS = 180.0
# bin/run: two web workers and one task worker, each with a pool of eight.
CONNECTIONS = 3 * 8
LOCKED_SECONDS = 8.0
MINE = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs the servers of bin/test"),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("crowd"), redis_database=9, SHOP_TRUSTED_PROXIES="1") as stack:
        yield stack


def crowd(stack: Stack, path: str) -> list[Reply]:
    """All connect, then all ask at the same moment."""

    async def ask() -> list[Reply]:
        connections = [
            Connection(stack.base_url, client_address=address(number), patience=PATIENCE_SECONDS)
            for number in range(CROWD)
        ]
        await asyncio.gather(*(connection.open() for connection in connections))
        replies = await asyncio.gather(*(connection.ask("GET", path) for connection in connections))
        for connection in connections:
            connection.close()
        return replies

    return asyncio.run(ask())


def test_a_crowd_waits_its_turn_and_takes_no_more_connections_than_the_pools_have(stack: Stack) -> None:
    most, over = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as connection:
            while not over.wait(0.1):
                row = connection.execute(f"SELECT count(*) {MINE}").fetchone()
                most = max(most, row[0] if row else 0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    replies = crowd(stack, "/api/products")
    over.set()
    watcher.join()
    assert Counter(reply.status for reply in replies) == {200: CROWD}
    assert 0 < most <= CONNECTIONS


def test_who_waits_for_a_lock_too_long_is_told_to_come_again_and_the_rest_is_served(stack: Stack) -> None:
    def block() -> None:
        with psycopg.connect(stack.env["DATABASE_URL"]) as connection:
            connection.execute("LOCK TABLE catalog_product IN ACCESS EXCLUSIVE MODE")
            held.set()
            time.sleep(LOCKED_SECONDS)

    held = threading.Event()
    blocker = threading.Thread(target=block)
    blocker.start()
    held.wait()
    replies = crowd(stack, "/api/products")
    blocker.join()
    statuses = Counter(reply.status for reply in replies)
    assert set(statuses) == {200, 503}, statuses
    assert all(reply.headers.get("retry-after") for reply in replies if reply.status == 503)
    assert {reply.code for reply in replies if reply.status == 503} == {"unavailable"}
    assert stack.call("GET", "/api/products").status == 200
