"""PostgreSQL and Valkey of a test's own, which it may kill. The servers of the other tests stay untouched."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import redis

from launcher.postgres import Postgres, pg_bin_dir
from launcher.processes import Service, Supervisor
from launcher.servers import prepare_data_dir
from launcher.valkey import server_binary
from tests.stack import ROOT, Stack, eventually, free_port

VENV = ROOT / ".venv"


class OwnPostgres:
    """A server that keeps what it has committed, on a Unix socket."""

    def __init__(self, data_dir: Path) -> None:
        prepare_data_dir(data_dir)
        self.postgres = Postgres(data_dir, pg_bin_dir(VENV))
        self.supervisor = Supervisor(data_dir / "servers.json")

    def start(self) -> None:
        self.postgres.start(self.supervisor)

    @property
    def service(self) -> Service:
        (service,) = self.supervisor.services
        return service

    def crash_and_start(self) -> None:
        """As `pg_ctl -m immediate restart`."""
        self.halt()
        self.resume()

    def halt(self) -> None:
        """No session ends well, and the next start recovers from the log."""
        process = self.service.process
        assert process
        process.send_signal(signal.SIGQUIT)
        process.wait(30)

    def resume(self) -> None:
        self.service.start()
        eventually(lambda: self.postgres._is_ready(self.service), seconds=30, what="PostgreSQL")

    def stop(self) -> None:
        if process := self.service.process:
            process.send_signal(signal.SIGINT)
            process.wait(30)


class OwnValkey:
    """A server without a file: after a restart it knows nothing, as after FLUSHALL."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.url)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([server_binary(VENV), *options], stdout=subprocess.DEVNULL)
        eventually(self._answers, seconds=10, what="Valkey")

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def flush(self) -> int:
        """Forgets everything; returns how many keys there were."""
        known = int(self.client.dbsize())
        self.client.flushall()
        return known

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False


class OwnShop:
    def __init__(self, data_dir: Path, **env: str) -> None:
        self.postgres, self.valkey = OwnPostgres(data_dir), OwnValkey()
        self.data_dir, self.env = data_dir, env

    def start(self) -> None:
        self.postgres.start()
        self.valkey.start()
        servers = {"DATABASE_URL": self.postgres.postgres.url, "REDIS_URL": self.valkey.url}
        env = servers | {"SHOP_TRUSTED_PROXIES": "1", "DEBUG": "false"} | self.env
        self.stack = Stack(self.data_dir / "shop", env=env, arguments=("--empty",))
        self.stack.start()

    def pending(self) -> int:
        """Events and messages that a worker still has to act on."""
        sql = """SELECT (SELECT count(*) FROM shop_outboxevent WHERE state = 'pending')
            + (SELECT count(*) FROM payments_webhookevent WHERE handled_at IS NULL)"""
        with psycopg.connect(self.postgres.postgres.url) as connection:
            row = connection.execute(sql).fetchone()
        assert row
        return int(row[0])

    def unpaid(self, orders: list[dict[str, Any]]) -> list[str]:
        """Those that are not in the database, or were paid for and are not told so: by public id."""
        with psycopg.connect(self.postgres.postgres.url) as connection:
            rows = connection.execute("SELECT public_id, payment_status FROM orders_order").fetchall()
        known: dict[str, str] = dict(rows)
        return [
            o["orderId"]
            for o in orders
            if known.get(o["orderId"], "lost") != ("paid" if o.get("isPaid") else "pending")
        ]

    def stop(self) -> None:
        if hasattr(self, "stack"):
            self.stack.stop()
        self.valkey.stop()
        self.postgres.stop()


@contextmanager
def own_shop(data_dir: Path, **env: str) -> Iterator[OwnShop]:
    data_dir.mkdir(parents=True, exist_ok=True)
    shop = OwnShop(data_dir, **env)
    try:
        shop.start()
        yield shop
    finally:
        shop.stop()
