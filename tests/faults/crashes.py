"""Kills the shop's processes at every failpoint while buyers order, pay and cancel, and looks at what is left."""

import json
import os
import random
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from itertools import zip_longest
from pathlib import Path
from typing import Any

import psycopg

from shop import failpoints
from tests.faults.books import Books
from tests.faults.buyer import Buyer
from tests.faults.points import PLACES
from tests.stack import Stack, eventually

SKU = "BOWL"
ENVIRONMENT: dict[str, Any] = {"SHOP_ALLOW_FAILPOINTS": "true", "SHOP_TRUSTED_PROXIES": "1", "DEBUG": "false"}
STRIKE_SECONDS = 60
RECOVERY_SECONDS = 60


@dataclass
class Crash:
    """One point's story. `back_seconds`: from the strike until as many processes live as before."""

    point: str
    buyer: Buyer
    victims: list[int] = field(default_factory=list)
    hits: int = 0
    struck_at: float = 0
    back_seconds: float = 0
    served_at: float = 0


def crash_everywhere(stack: Stack, *, seed: int) -> list[Crash]:
    """Strikes each point once, a web process and the worker by turns in an order that the seed decides."""
    web = [point for point, place in PLACES.items() if place == "web"]
    worker = [point for point, place in PLACES.items() if place == "worker"]
    chance = random.Random(seed)
    chance.shuffle(web)
    chance.shuffle(worker)
    turns = [point for pair in zip_longest(web, worker) for point in pair if point]
    crashes = [
        Crash(point, Buyer(stack, SKU, f"10.{seed}.0.{n}", key=f"{seed}-{point}")) for n, point in enumerate(turns)
    ]
    with ThreadPoolExecutor(len(turns)) as pool:
        served = [_strike(crash, pool) for crash in crashes]
    for each in served:
        each.result()
    wait_for_mails(stack)
    return crashes


def _strike(crash: Crash, pool: ThreadPoolExecutor) -> "Future[None]":
    """Arms the point, lets its buyer come by, and waits until it has struck and the process is back.

    The buyer goes on while the next point is struck.
    """
    stack, point = crash.buyer.stack, crash.point
    before = processes(stack)
    failpoints.arm(folder(stack), point, "kill9")
    served = pool.submit(_go_the_whole_way, crash)
    eventually(lambda: _struck_or_failed(crash, served), seconds=STRIKE_SECONDS, what=f"{point} to strike")
    crash.struck_at = time.monotonic()
    eventually(lambda: before - processes(stack), seconds=5, what=f"somebody to die at {point}")
    crash.victims = sorted(before - processes(stack))
    eventually(lambda: len(processes(stack)) >= len(before), seconds=30, what=f"the return of who died at {point}")
    crash.back_seconds = time.monotonic() - crash.struck_at
    return served


def _struck_or_failed(crash: Crash, served: "Future[None]") -> bool:
    crash.hits = failpoints.hits(folder(crash.buyer.stack), crash.point)
    if served.done():
        served.result()
    return crash.hits == 1


def _go_the_whole_way(crash: Crash) -> None:
    buyer = crash.buyer
    if crash.point.startswith("holds."):
        let_run_out(buyer.stack, buyer.begin_cart())
    buyer.order_and_pay()
    if crash.point.startswith("returns."):
        buyer.send_back()
    else:
        buyer.cancel()
    buyer.until(buyer.ends_as)
    crash.served_at = time.monotonic()


def wait_for_mails(stack: Stack) -> None:
    """Until nothing that was told waits for a worker: the last mail goes out after the last answer."""
    sql = "SELECT count(*) FROM shop_outboxevent WHERE state = 'pending'"

    def nothing_waits() -> bool:
        with psycopg.connect(stack.env["DATABASE_URL"]) as connection:
            return connection.execute(sql).fetchone() == (0,)

    eventually(nothing_waits, seconds=RECOVERY_SECONDS, what="the last mails")


def recovery_seconds(crashes: list[Crash]) -> float:
    """From the last blow until everybody had what they came for. Before it, others' blows hit them too."""
    return max(crash.served_at for crash in crashes) - max(crash.struck_at for crash in crashes)


def let_run_out(stack: Stack, cart: str) -> None:
    sql = "UPDATE inventory_reservation SET expires_at = now() - interval '1 second' WHERE reference = %s"
    with psycopg.connect(stack.env["DATABASE_URL"]) as connection:
        assert connection.execute(sql, [f"cart:{cart}"]).rowcount == 1


def folder(stack: Stack) -> Path:
    return stack.data_dir / "failpoints"


# --- What is left


def problems(stack: Stack, crashes: list[Crash]) -> list[str]:
    """What is wrong after the crashes, in words; empty when one order, one charge and one refund is left of each."""
    books = Books(stack.data_dir)
    charges, refunds, mails = books.charges(), books.refunds(), mails_by_address(stack)
    found = [f"invariant {finding['code']}: {finding['rows']}" for finding in stack.broken_invariants()]
    with psycopg.connect(stack.env["DATABASE_URL"]) as connection:
        for crash in crashes:
            total = crash.buyer.order["totalMinor"]
            ids = order_ids(connection, crash.buyer.key)
            found += [f"{crash.point}: orders {ids}"] * (ids != [crash.buyer.order["orderId"]])
            for title, amounts, due in (("charged", charges, total), ("refunded", refunds, crash.buyer.refund_minor)):
                taken = [amounts.get(each, []) for each in ids]
                found += [f"{crash.point}: {title} {taken}, not {due}"] * (taken != [[due]])
            found += [f"{crash.point}: {told}" for told in mail_problems(crash, mails.get(crash.buyer.email, []))]
    deaths = sum(PLACES[crash.point] == "worker" for crash in crashes)
    repeated = repeated_mails(stack)
    return found + [f"{repeated} mails repeated by {deaths} deaths"] * (repeated > deaths)


def mail_problems(crash: Crash, mails: list[tuple[str, str]]) -> list[str]:
    """One mail of each kind, known by its Message-ID: a copy of the same one is counted by `repeated_mails`."""
    kinds = Counter(" ".join(word for word in subject.split() if word.islower()) for subject, _ in set(mails))
    missing = {"is paid", "for order"} - set(kinds)
    return [f"mails {dict(kinds)}"] * bool(missing or set(kinds.values()) != {1})


def repeated_mails(stack: Stack) -> int:
    """Mails sent again because the worker died between sending one and marking it, whoever its death was meant for."""
    return sum(len(mails) - len(set(mails)) for mails in mails_by_address(stack).values())


def mails_by_address(stack: Stack) -> dict[str, list[tuple[str, str]]]:
    """By recipient: subject and Message-ID."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in (stack.data_dir / "mail").glob("*.log"):
        for raw in path.read_bytes().split(b"\n" + b"-" * 79 + b"\n"):
            if raw.strip():
                mail = message_from_bytes(raw, policy=policy.default)
                found.setdefault(str(mail["To"]), []).append((str(mail["Subject"]), str(mail["Message-ID"])))
    return found


def order_ids(connection: "psycopg.Connection[Any]", key: str) -> list[str]:
    rows = connection.execute("SELECT public_id FROM orders_order WHERE idempotency_key LIKE %s", [f"%:{key}"])
    return [row[0] for row in rows.fetchall()]


# --- Who is there


def processes(stack: Stack) -> set[int]:
    """The web server's processes and the Celery worker, as they live now."""
    services = {each["name"]: each["pid"] for each in json.loads((stack.data_dir / "processes.json").read_text())}
    worker = {services["worker"]} if is_alive(services.get("worker", 0)) else set()
    return worker | children(services["web"])


def children(parent: int) -> set[int]:
    return {pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if parent_of(pid) == parent}


def parent_of(pid: int) -> int | None:
    """None for one that is gone or waits to be buried."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[1])


def is_alive(pid: int) -> bool:
    return pid > 0 and parent_of(pid) is not None
