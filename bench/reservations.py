"""How many reservations of one SKU a second? `bench/reservations.py [--seconds N] [--rounds N] [--connections N,N]`.

The shop's statement beside two other ways to do the same: SELECT FOR UPDATE, then look and write; and SERIALIZABLE with
retries. They take turns in one run, each on a row of its own, in a database that this command makes on the server of
`DATABASE_URL` and drops. Then the same for a SKU that is sold out, where all lose. Every round ends with a look at the
books: what is reserved is what was answered. Writes bench/results/reservations.json.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import django
import psycopg
from psycopg import errors

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "reservations.json"
DATABASE = "bench_reservations"
PLENTY = 10**9
# Started as a file, Python looks beside it alone.
sys.path[0] = str(ROOT)

from bench.circumstances import circumstances  # noqa: E402

RESERVE = """
INSERT INTO inventory_reservation (reference, sku, warehouse_id, quantity, kind, state, expires_at, created_at)
VALUES (%(reference)s, %(sku)s, %(warehouse_id)s, 1, 'hold', 'open', now() + interval '15 minutes', now())
"""
LOOK = """
SELECT on_hand - safety_stock + backorder_limit - reserved, shortfall FROM inventory_stockitem
WHERE sku = %(sku)s AND warehouse_id = %(warehouse_id)s
"""
Connection = psycopg.Connection[Any]
Values = dict[str, Any]


@dataclass
class Tally:
    won: int = 0
    lost: int = 0
    retries: int = 0
    errors: Counter[str] = field(default_factory=Counter)


def conditional(statement: str) -> Callable[[Connection, Values, Tally], bool]:
    """What the shop does: the condition stands in the UPDATE, and stock comes last."""

    def reserve(connection: Connection, values: Values, tally: Tally) -> bool:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(RESERVE, values)
            if cursor.execute(statement, values).fetchone() is None:
                raise psycopg.Rollback
            return True
        return False

    return reserve


def look_then_write(statement: str, *, lock: str) -> Callable[[Connection, Values, Tally], bool]:
    def reserve(connection: Connection, values: Values, tally: Tally) -> bool:
        while True:
            try:
                with connection.transaction(), connection.cursor() as cursor:
                    row = cursor.execute(LOOK + lock, values).fetchone()
                    assert row
                    if row[1] or row[0] < 1:
                        return False
                    cursor.execute(RESERVE, values)
                    cursor.execute(statement, values)
                return True
            except errors.SerializationFailure:
                tally.retries += 1

    return reserve


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--connections", default="1,8,32,64", help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sizes = [int(each) for each in given.connections.split(",")]
    with_database = scratch_database(os.environ["DATABASE_URL"])
    try:
        results, wrong = measure_all(with_database, sizes, given.rounds, given.seconds, random.Random(given.seed))
    finally:
        administer(os.environ["DATABASE_URL"], f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    result = {
        "command": f"bench/reservations.py --seconds {given.seconds:g} --rounds {given.rounds}"
        f" --connections {given.connections} --seed {given.seed}",
        **circumstances(),
        "client": "threads of one process on the same machine",
        "load_average_before_and_after": results.pop("load"),
        "seed": given.seed,
        "seconds": given.seconds,
        "unit": "transactions a second, the median of the rounds",
        "wrong_books": wrong,
        "results": results,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    for case, by_form in results.items():
        for form, by_size in by_form.items():
            print(case, form, {size: each["per_second"] for size, each in by_size.items()})
    print("wrong books:", wrong)
    return 1 if wrong else 0


def measure_all(
    url: str, sizes: list[int], rounds: int, seconds: float, chance: random.Random
) -> tuple[dict[str, Any], int]:
    # What it imports needs the settings, and those the address of the scratch database.
    from inventory.operations import counters  # noqa: PLC0415

    guarded = counters.CHANGE.format(guard=counters.GUARD)
    plain = counters.CHANGE.format(guard="")
    forms: dict[str, tuple[Callable[[Connection, Values, Tally], bool], bool]] = {
        "conditional update": (conditional(guarded), False),
        "select for update": (look_then_write(plain, lock=" FOR UPDATE"), False),
        "serializable": (look_then_write(plain, lock=""), True),
    }
    load, wrong = [round(os.getloadavg()[0], 1)], 0
    results: dict[str, Any] = {case: {form: {} for form in forms} for case in ("in stock", "sold out")}
    for case, on_hand in (("in stock", PLENTY), ("sold out", 0)):
        for size in sizes:
            tallies: dict[str, list[tuple[float, Tally]]] = {form: [] for form in forms}
            for number in range(rounds):
                for form in chance.sample(list(forms), len(forms)):
                    reserve, serializable = forms[form]
                    sku = f"{case}-{size}-{number}-{form}"
                    warehouse_id = stock(url, sku, on_hand)
                    took, tally = measure(url, reserve, serializable, sku, warehouse_id, size, seconds)
                    wrong += books_are_wrong(url, sku, tally)
                    tallies[form].append((took, tally))
            for form, samples in tallies.items():
                results[case][form][str(size)] = summary(samples)
    return {**results, "load": [*load, round(os.getloadavg()[0], 1)]}, wrong


def measure(
    url: str,
    reserve: Callable[[Connection, Values, Tally], bool],
    serializable: bool,
    sku: str,
    warehouse_id: int,
    size: int,
    seconds: float,
) -> tuple[float, Tally]:
    tallies = [Tally() for _ in range(size)]
    barrier = Barrier(size + 1)
    # All of them before the first begins: a server that has no room for them is told at once.
    connections = [psycopg.connect(url, autocommit=True) for _ in range(size)]

    def buy(number: int) -> None:
        tally = tallies[number]
        with connections[number] as connection:
            if serializable:
                connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
            values = {"sku": sku, "warehouse_id": warehouse_id, "on_hand": 0, "reserved": 1}
            barrier.wait()
            end = time.perf_counter() + seconds
            turn = 0
            while time.perf_counter() < end:
                turn += 1
                try:
                    if reserve(connection, values | {"reference": f"cart:{number}-{turn}"}, tally):
                        tally.won += 1
                    else:
                        tally.lost += 1
                except psycopg.Error as error:
                    tally.errors[type(error).__name__] += 1

    threads = [Thread(target=buy, args=(number,)) for number in range(size)]
    for thread in threads:
        thread.start()
    barrier.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - started
    return took, Tally(
        won=sum(each.won for each in tallies),
        lost=sum(each.lost for each in tallies),
        retries=sum(each.retries for each in tallies),
        errors=sum((each.errors for each in tallies), Counter()),
    )


def summary(samples: list[tuple[float, Tally]]) -> dict[str, Any]:
    rates = [round((tally.won + tally.lost) / took, 1) for took, tally in samples]
    return {
        "per_second": round(statistics.median(rates), 1),
        "samples_per_second": rates,
        "won": sum(tally.won for _, tally in samples),
        "lost": sum(tally.lost for _, tally in samples),
        "retries": sum(tally.retries for _, tally in samples),
        "errors": dict(sum((tally.errors for _, tally in samples), Counter())),
    }


# --- The database


def scratch_database(url: str) -> str:
    administer(url, f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)", f"CREATE DATABASE {DATABASE}")
    scratch = urlunsplit(urlsplit(url)._replace(path=f"/{DATABASE}"))
    os.environ["DATABASE_URL"], kept = scratch, url
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, check=True)
    django.setup()
    os.environ["DATABASE_URL"] = kept
    return scratch


def administer(url: str, *statements: str) -> None:
    with psycopg.connect(urlunsplit(urlsplit(url)._replace(path="/postgres")), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def stock(url: str, sku: str, on_hand: int) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT id FROM inventory_warehouse ORDER BY priority, id LIMIT 1").fetchone()
        assert row
        connection.execute(
            "INSERT INTO inventory_stockitem (sku, warehouse_id, on_hand, reserved, safety_stock, backorder_limit,"
            " shortfall, low_stock_threshold, updated_at) VALUES (%s, %s, %s, 0, 0, 0, 0, 0, now())",
            [sku, row[0], on_hand],
        )
        return int(row[0])


def books_are_wrong(url: str, sku: str, tally: Tally) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT reserved, (SELECT count(*) FROM inventory_reservation r WHERE r.sku = i.sku)"
            " FROM inventory_stockitem i WHERE sku = %s",
            [sku],
        ).fetchone()
    return row != (tally.won, tally.won)


if __name__ == "__main__":
    sys.exit(main())
