"""The shop as `bin/run` starts it: web server, worker, beat and payment stand-in, on a database of its own."""

import http.client
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import psycopg
import redis

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "a password of tests"
START_SECONDS = 240
T = TypeVar("T")


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        assert self.status < 300, (self.status, self.body)
        return self.json["data"]


class Stack:
    """A running shop. `env` overrides settings; without a `database_url` the launcher starts its own servers."""

    def __init__(self, data_dir: Path, *, env: dict[str, str], arguments: tuple[str, ...] = ()) -> None:
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.log = data_dir / "run.log"
        self.data_dir = data_dir
        self.env = os.environ | {"SHOP_ENV_FILE": os.devnull, "SHOP_DEMO_PASSWORD": PASSWORD} | env
        options = ["--port", str(self.port), "--data-dir", str(data_dir), *arguments]
        self.command = [sys.executable, str(ROOT / "bin" / "run"), *options]

    def start(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True
            )
        eventually(self._is_up, seconds=START_SECONDS, what=f"the shop on {self.base_url}")

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return "The shop is ready" in self.log.read_text()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)

    def pid_of(self, name: str) -> int:
        """The process that the launcher holds for a service: web, worker, beat, sandbox."""
        services = json.loads((self.data_dir / "processes.json").read_text())
        return next(int(service["pid"]) for service in services if service["name"] == name)

    @property
    def sandbox_url(self) -> str:
        """Where the payment stand-in listens, as its own log says."""
        match = re.search(r"test payments on (http://\S+?),", (self.data_dir / "log" / "sandbox.log").read_text())
        assert match
        return match[1]

    def manage(self, *arguments: str, **env: str) -> str:
        """Runs a management command on the stack's database; needs `DATABASE_URL` in its environment."""
        done = self._managed(*arguments, **env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _managed(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        run_env = self.env | {"SECRET_KEY": "only-for-tests", "SHOP_DATA_DIR": str(self.data_dir)} | env
        return subprocess.run(command, cwd=ROOT, env=run_env, capture_output=True, text=True)

    def broken_invariants(self) -> list[dict[str, Any]]:
        # A broken one is an exit code too.
        findings = json.loads(self._managed("verify_invariants", "--json").stdout)
        return [finding for finding in findings if finding["rows"]]

    def call(self, method: str, path: str, body: Any = None, *, token: str = "", **headers: str) -> Answer:
        """One JSON request on a connection of its own. Header names are given as `idempotency_key=...`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        payload = None if body is None else json.dumps(body).encode()
        if payload is not None:
            sent["Content-Type"] = "application/json"
        return request(f"{self.base_url}{path}", method, payload, sent)

    def sign_in_staff(self) -> str:
        """Makes a superuser and returns a bearer token."""
        email = f"staff-{secrets.token_hex(4)}@example.com"
        self.manage("createsuperuser", "--noinput", "--email", email, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
        answer = self.call("POST", "/api/users/login", {"email": email, "password": PASSWORD})
        return str(answer.data["token"])

    def pay(self, redirect_url: str, number: str = "4242424242424242") -> Answer:
        """Sends the stand-in's card form, as a browser without JavaScript does; the redirect is not followed."""
        form = urlencode({"number": number, "exp": "12/40", "cvc": "123"}).encode()
        return request(redirect_url, "POST", form, {"Content-Type": "application/x-www-form-urlencoded"})

    def set_faults(self, **faults: Any) -> None:
        body = json.dumps(faults).encode()
        answer = request(f"{self.sandbox_url}/_sandbox/faults", "POST", body, {"Content-Type": "application/json"})
        assert answer.status == 200, answer.body

    def sandbox_state(self) -> dict[str, Any]:
        state: dict[str, Any] = request(f"{self.sandbox_url}/_sandbox/state", "GET", None, {}).json
        return state


def request(url: str, method: str, body: bytes | None, headers: dict[str, str]) -> Answer:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def eventually(probe: Callable[[], T], *, seconds: float, what: str) -> T:
    """Asks until the answer is true; for what other processes do in their own time."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := probe():
            return answer
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def own_database(server_url: str) -> Iterator[str]:
    """A new database on the server that the tests use, dropped at the end."""
    name = f"stack_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield with_database(server_url, name)
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def with_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@contextmanager
def running(
    data_dir: Path, *, redis_database: int, arguments: tuple[str, ...] = ("--empty",), **env: str
) -> Iterator[Stack]:
    """A stack on the test servers that `bin/test` started (`DATABASE_URL`, `REDIS_URL`), with its own data in both."""
    redis_url = with_redis_database(os.environ["REDIS_URL"], redis_database)
    redis.Redis.from_url(redis_url).flushdb()
    with own_database(os.environ["DATABASE_URL"]) as database_url:
        stack = Stack(data_dir, env={"DATABASE_URL": database_url, "REDIS_URL": redis_url, **env}, arguments=arguments)
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()


def with_redis_database(url: str, number: int) -> str:
    if url.startswith("unix://"):
        return f"{url.partition('?')[0]}?db={number}"
    return urlsplit(url)._replace(path=f"/{number}").geturl()
