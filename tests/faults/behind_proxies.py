"""A shop whose PostgreSQL and Redis are reached through proxies that a test makes fail."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import redis
from psycopg.conninfo import conninfo_to_dict

from tests.faults.buyer import put_on_sale
from tests.faults.proxy import Proxy
from tests.stack import Stack, own_database, with_redis_database

SKU = "BOWL"
REDIS_DATABASE = 7


@dataclass(frozen=True)
class FaultyShop:
    """`database_url` and `redis_url` lead past the proxies: for looking at what is there."""

    stack: Stack
    postgres: Proxy
    redis: Proxy
    database_url: str
    redis_url: str

    def broken_invariants(self) -> list[dict[str, object]]:
        return self.stack.broken_invariants()

    def one(self, sql: str, *values: object) -> int:
        """The number that a query answers."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(sql, values).fetchone()
        assert row
        return int(row[0])


@contextmanager
def faulty_shop(data_dir: Path, **env: str) -> Iterator[FaultyShop]:
    redis_url = with_redis_database(os.environ["REDIS_URL"], REDIS_DATABASE)
    redis.Redis.from_url(redis_url).flushdb()
    with (
        own_database(os.environ["DATABASE_URL"]) as database_url,
        Proxy(postgres_address(database_url)) as postgres,
        Proxy(redis_address(redis_url)) as redis_proxy,
    ):
        through = {
            "DATABASE_URL": postgres_through(database_url, postgres.port),
            "REDIS_URL": f"redis://127.0.0.1:{redis_proxy.port}/{REDIS_DATABASE}",
            "SHOP_TRUSTED_PROXIES": "1",
            "DEBUG": "false",
        }
        stack = Stack(data_dir, env=through | env, arguments=("--empty",))
        try:
            stack.start()
            put_on_sale(stack, SKU, units=2000)
            yield FaultyShop(stack, postgres, redis_proxy, database_url, redis_url)
        finally:
            stack.stop()


def postgres_address(url: str) -> tuple[str, int] | str:
    known = conninfo_to_dict(url)
    host, port = str(known.get("host") or "127.0.0.1"), int(known.get("port") or 5432)
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)


def postgres_through(url: str, port: int) -> str:
    known = conninfo_to_dict(url)
    password = f":{known['password']}" if known.get("password") else ""
    # In the clear: the proxy reads along.
    return f"postgres://{known['user']}{password}@127.0.0.1:{port}/{known['dbname']}?sslmode=disable"


def redis_address(url: str) -> tuple[str, int] | str:
    parts = urlsplit(url)
    return unquote(parts.path) if parts.scheme == "unix" else (parts.hostname or "127.0.0.1", parts.port or 6379)
