"""How many orders a second, and what does one cost? `bench/order_rate.py [--seconds N] [--buyers N]`.

Over HTTP, on the shop as `bin/run` starts it, on the servers that `DATABASE_URL` and `REDIS_URL` name, which must be of
this machine. Each of the buyers, with an address of their own and a kept-alive connection, puts one article into a new
bag and orders it by bank transfer, with an Idempotency-Key, again and again: two requests an order, limits as in
production. Nothing waits for a payment provider.

CPU milliseconds an order: user and system time, read from /proc, of the web server with its workers and of the
database's processes for the shop's connections (the task worker's among them). The task worker itself is told beside;
Redis and this client are not counted.

Machines are noisy: turns of orders alternate with turns of /livez, which does nothing, and the ratio of both rates says
what an order costs whatever else the machine does. The other shops were measured before, elsewhere: see `others`.

Prints the figures and writes bench/results/order_rate.json.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "order_rate.json"
# Started as a file, Python looks beside it alone.
sys.path[0] = str(ROOT)

import psycopg  # noqa: E402

from bench.circumstances import circumstances  # noqa: E402
from tests.races.crowd import Connection, address  # noqa: E402
from tests.races.sale import ADDRESS  # noqa: E402
from tests.stack import Stack, running  # noqa: E402

NUMBERS = count(1)
SKU = "BENCH"
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
GOAL = {"orders_per_second": 60, "cpu_ms_per_order": 30}
OTHERS = "three well-known shops, 8 buyers; the best of each figure: 7.5 orders a second, 231 CPU ms an order"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6, help="length of a turn (%(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="turns of either kind (%(default)s)")
    parser.add_argument("--buyers", type=int, default=8, help="%(default)s")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="orders ") as name,
        running(Path(name) / "shop", redis_database=13, SHOP_TRUSTED_PROXIES="1") as stack,
    ):
        put_on_sale(stack)
        turn(stack, order, given.buyers, 2)
        turns = []
        for _ in range(given.turns):
            idle = turn(stack, livez, given.buyers, given.seconds / 3)
            turns.append(turn(stack, order, given.buyers, given.seconds) | {"livez_per_second": idle["per_second"]})
        assert stack.broken_invariants() == []
    result: dict[str, Any] = {
        "command": f"bench/order_rate.py --seconds {given.seconds:g} --turns {given.turns} --buyers {given.buyers}",
        **circumstances(),
        "counted": "user+system of web server and database; an order is two requests: add, order",
        "goal": GOAL,
        "others": OTHERS,
        "orders_per_second": median(turns, "per_second"),
        "cpu_ms_per_order": round(median(turns, "web_ms") + median(turns, "database_ms"), 1),
        "web_ms": median(turns, "web_ms"),
        "database_ms": median(turns, "database_ms"),
        "worker_ms": median(turns, "worker_ms"),
        "livez_per_second": median(turns, "livez_per_second"),
        "livez_per_order": round(statistics.median(t["livez_per_second"] / t["per_second"] for t in turns), 1),
        "answer_ms_p50": median(turns, "p50_ms"),
        "answer_ms_p99": median(turns, "p99_ms"),
        "turns": turns,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({name: value for name, value in result.items() if name != "turns"}, indent=2))
    return 0 if result["orders_per_second"] >= 60 and result["cpu_ms_per_order"] <= 30 else 1


def median(turns: list[dict[str, float]], name: str) -> float:
    return round(statistics.median(each[name] for each in turns), 2)


def put_on_sale(stack: Stack) -> None:
    staff = stack.sign_in_staff()
    stack.manage("shell", "-c", "from catalog.operations import make_category; make_category(['Table'])")
    product = {"name": "Bowl", "description": "Endless.", "price": 12.5, "category": "Table", "sku": SKU}
    assert stack.call("POST", "/api/products", product | {"stock": 1_000_000}, token=staff).status == 201


def turn(stack: Stack, walk: Any, buyers: int, seconds: float) -> dict[str, float]:
    """What `buyers` at a time got done, and what it cost the shop's processes."""
    before = cpu_ms(stack)
    done = asyncio.run(crowd(stack, walk, buyers, seconds))
    spent = {name: value - before.get(name, 0) for name, value in cpu_ms(stack).items()}
    times = sorted(done["times"])
    return {
        "per_second": round(len(times) / done["seconds"], 2),
        "web_ms": round(spent["web"] / len(times), 2),
        "database_ms": round(spent["database"] / len(times), 2),
        "worker_ms": round(spent["worker"] / len(times), 2),
        "p50_ms": round(1000 * times[len(times) // 2], 1),
        "p99_ms": round(1000 * times[len(times) * 99 // 100], 1),
    }


async def crowd(stack: Stack, walk: Any, buyers: int, seconds: float) -> dict[str, Any]:
    times: list[float] = []
    started = time.perf_counter()

    async def buyer() -> None:
        connection = Connection(stack.base_url, client_address="", patience=60)
        await connection.open()
        while time.perf_counter() < started + seconds:
            number = next(NUMBERS)
            connection.client_address = address(number)
            began = time.perf_counter()
            await walk(connection, number)
            times.append(time.perf_counter() - began)
        connection.close()

    await asyncio.gather(*(buyer() for _ in range(buyers)))
    return {"times": times, "seconds": time.perf_counter() - started}


async def livez(connection: Connection, number: int) -> None:
    answer = await connection.ask("GET", "/livez")
    assert answer.status == 200


async def order(connection: Connection, number: int) -> None:
    added = await connection.ask_json("POST", "/api/cart/me/items", {"sku": SKU, "quantity": 1})
    assert added.status == 200, added.content
    wish = {"cartId": added.body["data"]["cartId"], "email": f"buyer{number}@example.com", "shippingAddress": ADDRESS}
    placed = await connection.ask_json(
        "POST", "/api/orders", wish | {"paymentMethod": "invoice"}, idempotency_key=f"bench-{number}"
    )
    assert placed.status == 201, placed.content


def cpu_ms(stack: Stack) -> dict[str, float]:
    """User and system time so far: of the launcher's children by name, and of the database's backends for the shop."""
    children = json.loads((stack.data_dir / "processes.json").read_text())
    processes = {child["name"]: child["pid"] for child in children}
    spent = {name: ticks(tree(processes[name])) for name in ("web", "worker")}
    with psycopg.connect(stack.env["DATABASE_URL"]) as connection:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()").fetchall()
    return spent | {"database": ticks(pid for (pid,) in found)}


def tree(root: int) -> set[int]:
    """The process and all below it, as long as they live."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except FileNotFoundError:
            continue
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def ticks(pids: Any) -> float:
    spent = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        spent += int(fields[11]) + int(fields[12])
    return spent * TICK_MS


if __name__ == "__main__":
    sys.exit(main())
