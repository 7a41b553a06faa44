"""Somebody clones the shop and starts it: an ordinary user on a bare machine, in a long folder with spaces.

Slow on purpose: everything a newcomer does is done for real, the installation of the packages too.
"""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "A rather long name for a checkout, with spaces, as people who file things well like to give them"
TOOLS = ["cat", "chmod", "cp", "env", "git", "id", "ls", "mkdir", "mv", "rm", "sleep", "true", "uname"]
# How this machine reaches its package index; nothing else of its environment is passed on.
PASSED_ON = ("PIP_", "UV_", "SSL_", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
CARD = {"number": "4242 4242 4242 4242", "exp": "12 / 34", "cvc": "123"}

pytestmark = pytest.mark.slow


@dataclass
class Newcomer:
    """An ordinary user with an empty home, a PATH of Python, git and the core tools, and a clone."""

    base: Path
    account: pwd.struct_passwd
    environment: dict[str, str]
    clone: Path = field(init=False)

    def __post_init__(self) -> None:
        self.clone = self.base / FOLDER

    def popen(self, command: list[str], *, cwd: Path, **options: Any) -> "subprocess.Popen[bytes]":
        if os.getuid() == 0:
            options |= {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
        # With `env` a command is looked up in this process's PATH, so name the newcomer's own tools in full.
        return subprocess.Popen(command, cwd=cwd, env=self.environment, stdin=subprocess.DEVNULL, **options)

    def run(self, command: list[str], *, cwd: Path) -> tuple[int, str]:
        process = self.popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output.decode()

    def processes(self) -> list[str]:
        """Every process that runs in the newcomer's folder or names it."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                home = os.readlink(entry / "cwd")
            except OSError:
                continue
            if str(self.base) in line or home.startswith(str(self.base)):
                found.append(f"{entry.name} {line}")
        return found


@contextmanager
def ordinary_user() -> Iterator[pwd.struct_passwd]:
    if os.getuid() != 0:
        yield pwd.getpwuid(os.getuid())
        return
    name = f"newcomer{os.getpid()}"
    subprocess.run(["useradd", "--no-create-home", "--shell", "/bin/sh", name], check=True)
    try:
        yield pwd.getpwnam(name)
    finally:
        # The short socket folders that stand in for one below the long checkout.
        for folder in Path(tempfile.gettempdir()).glob(f"shop-{pwd.getpwnam(name).pw_uid}-*"):
            shutil.rmtree(folder)
        subprocess.run(["userdel", name], check=True, capture_output=True)


def python_for(account: pwd.struct_passwd) -> str:
    """A new enough interpreter that this user may run; the tests' own may lie in somebody's home."""
    who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    ask = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
    for path in (os.path.realpath(sys.executable), "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            if subprocess.run([path, "-c", ask], cwd="/", capture_output=True, **who).returncode == 0:  # type: ignore[call-overload]
                return path
        except OSError:
            continue
    pytest.skip("no Python 3.11 that an ordinary user may run")


@pytest.fixture(scope="module")
def newcomer() -> Iterator[Newcomer]:
    with ExitStack() as stack:
        account = stack.enter_context(ordinary_user())
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="newcomer-", ignore_cleanup_errors=True)))
        tools, home = base / "bin", base / "home"
        tools.mkdir()
        home.mkdir()
        (tools / "python3").symlink_to(python_for(account))
        for name in TOOLS:
            if found := shutil.which(name):
                (tools / name).symlink_to(found)
        # A copy of its own, because git refuses to read another user's repository.
        subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, base / "source.git"], check=True)
        if os.getuid() == 0:
            for path in (base, *base.rglob("*")):
                os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
        passed_on = {name: value for name, value in os.environ.items() if name.upper().startswith(PASSED_ON)}
        environment = passed_on | {"PATH": str(tools), "HOME": str(home)}
        someone = Newcomer(base, account, environment)
        code, output = someone.run([str(tools / "git"), "clone", "--quiet", "source.git", FOLDER], cwd=base)
        assert code == 0, output
        yield someone
        # An assertion that failed half way must not leave servers behind on this machine.
        for line in someone.processes():
            os.kill(int(line.split()[0]), signal.SIGKILL)


@contextmanager
def port_8000_taken() -> Iterator[None]:
    try:
        with socket.create_server(("127.0.0.1", 8000)):
            yield
    except OSError:  # Then somebody else has it, which serves as well.
        yield


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def running(newcomer: Newcomer, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    log = newcomer.base / f"run-{uuid.uuid4().hex}.log"
    with log.open("wb") as output:
        process = newcomer.popen(
            [str(newcomer.clone / "bin" / "run"), "--port", str(port)],
            cwd=newcomer.base,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: "The shop is ready" in log.read_text() or process.poll() is not None, seconds=420)
        assert process.poll() is None, log.read_text()
        assert "The shop is ready" in log.read_text(), log.read_text()
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


def until(condition: Callable[[], object], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.2)
    return False


def call(method: str, url: str, body: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers}, method=method)
    try:
        with opener().open(request, timeout=30) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        pytest.fail(f"{method} {url}: {error.code} {error.read().decode()[:500]}")


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        """An answer that leads elsewhere is shown, not followed."""


def opener(*handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)


def pay_by_card(url: str) -> str:
    """Sends the payment page's form; returns where it leads."""
    try:
        opener(Stay()).open(url, urllib.parse.urlencode(CARD).encode(), timeout=30)
    except urllib.error.HTTPError as error:
        assert error.code == 303, error.read().decode()[:2000]
        return str(error.headers["Location"])
    pytest.fail("The payment page did not lead back to the shop.")


def buy(shop: str) -> dict[str, Any]:
    """One purchase as a guest, by the JSON API and the payment page; returns the paid order."""
    product = call("GET", f"{shop}/api/products?limit=1&inStock=true")[0]  # type: ignore[index]
    detail = call("GET", f"{shop}/api/products/{product['productId']}")
    variant = next(each for each in detail["variants"] if each["stock"] > 0)
    cart = call("POST", f"{shop}/api/cart/me/items", {"variantId": variant["variantId"], "quantity": 1})
    order = call("POST", f"{shop}/api/orders", order_for(cart["cartId"]), **{"Idempotency-Key": uuid.uuid4().hex})
    assert pay_by_card(order["payment"]["redirectUrl"]).startswith(shop)

    def read() -> dict[str, Any]:
        return call("GET", f"{shop}/api/orders/{order['orderId']}", Authorization=f"Bearer {order['orderToken']}")

    until(lambda: read()["paymentStatus"] == "paid", seconds=30)
    return read()


def order_for(cart_id: str) -> dict[str, Any]:
    address = {"fullName": "Ada Newcomer", "line1": "Lindenweg 4", "city": "Berlin", "postalCode": "10115"}
    return {
        "cartId": cart_id,
        "email": "ada@example.com",
        "shippingAddress": address | {"country": "DE"},
        "paymentMethod": "stripe",
    }


def test_a_taken_port_is_explained_before_any_work(newcomer: Newcomer) -> None:
    with port_8000_taken():
        code, output = newcomer.run([str(newcomer.clone / "bin" / "run")], cwd=newcomer.base)
    assert code == 1
    assert "Port 8000 on 127.0.0.1 is taken" in output
    assert "bin/run --port " in output
    assert not (newcomer.clone / ".venv").exists()
    assert newcomer.processes() == []


def test_it_sells_and_stops_without_a_trace(newcomer: Newcomer) -> None:
    port = free_port()
    shop = f"http://127.0.0.1:{port}"
    with running(newcomer, port) as process:
        with opener().open(f"{shop}/", timeout=30) as page:
            assert page.status == 200
        assert buy(shop)["paymentStatus"] == "paid"
        code, output = newcomer.run([str(newcomer.clone / "bin" / "run"), "--port", str(port)], cwd=newcomer.base)
        assert code == 1
        assert "is already using" in output
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert time.monotonic() - started < 15
    assert newcomer.processes() == []


def test_it_starts_again_after_kill_9(newcomer: Newcomer) -> None:
    port = free_port()
    with running(newcomer, port) as process:
        process.kill()
        process.wait(5)
    # At once, while its children may still be on their way out.
    with running(newcomer, port) as process:
        assert buy(f"http://127.0.0.1:{port}")["paymentStatus"] == "paid"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert newcomer.processes() == []
