"""How much of the shop is left while everything fails by turns? `bench/chaos.py [--minutes N] [--seed N]`.

On the shop as `bin/run` starts it, with a PostgreSQL and a Valkey of its own, while two people look at pages and two
order and pay. Every few seconds the seed chooses what happens next: Redis stops or forgets everything, PostgreSQL
crashes, a process of the web server, the task worker, its clock or the payment stand-in gets kill -9. Prints the share
of requests that were carried out, of pages and of checkout, and writes bench/results/chaos.json. Held against the
database: no acknowledged order is lost, none that was paid for stays unpaid, no invariant is broken.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "chaos.json"
# Started as a file, Python looks beside it alone.
sys.path[0] = str(ROOT)

from bench.circumstances import circumstances  # noqa: E402
from tests.faults.buyer import put_on_sale  # noqa: E402
from tests.faults.load import Load  # noqa: E402
from tests.faults.outages import SKU, kill_and_await, seconds_until_nothing_is_lost, web_workers  # noqa: E402
from tests.faults.own_servers import OwnShop, own_shop  # noqa: E402
from tests.stack import eventually  # noqa: E402

GOAL = {"read": 99.9, "checkout": 99.5}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15, help="%(default)s")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    happened: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="chaos ") as name, own_shop(Path(name)) as shop:
        put_on_sale(shop.stack, SKU, units=1_000_000)
        with Load(shop.stack, SKU, seed=given.seed) as load:
            until = time.monotonic() + given.minutes * 60
            while time.monotonic() < until:
                time.sleep(chance.uniform(5, 15))
                nemesis = chance.choice(NEMESES)
                happened[nemesis.__name__] += 1
                nemesis(shop, chance)
            time.sleep(5)
        settled = seconds_until_nothing_is_lost(shop, load)
        eventually(lambda: not shop.pending(), seconds=120, what="the queue to be empty")
        broken = shop.stack.broken_invariants()
    available = {kind: round(load.availability({kind}), 3) for kind in ("read", "cart", "checkout")}
    result = {
        "command": f"bench/chaos.py --minutes {given.minutes:g} --seed {given.seed}",
        **circumstances(),
        "goal_percent": GOAL,
        "results": {
            "available_percent": available,
            "happened": dict(happened),
            "answers": {kind: dict(load.statuses(kind)) for kind in available},
            "acknowledged_orders": len(load.acknowledged),
            "seconds_until_all_were_settled": round(settled, 1),
            "broken_invariants": broken,
        },
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 0 if not broken and all(available[kind] >= goal for kind, goal in GOAL.items()) else 1


# --- What may happen


def redis_stops(shop: OwnShop, chance: random.Random) -> None:
    shop.valkey.stop()
    time.sleep(chance.uniform(2, 20))
    shop.valkey.start()


def redis_forgets(shop: OwnShop, chance: random.Random) -> None:
    shop.valkey.flush()


def postgres_crashes(shop: OwnShop, chance: random.Random) -> None:
    shop.postgres.crash_and_start()


def web_dies(shop: OwnShop, chance: random.Random) -> None:
    kill_and_await(shop, chance.choice(web_workers(shop)))


def worker_dies(shop: OwnShop, chance: random.Random) -> None:
    kill_and_await(shop, shop.stack.pid_of("worker"))


def beat_dies(shop: OwnShop, chance: random.Random) -> None:
    os.kill(shop.stack.pid_of("beat"), signal.SIGKILL)


def provider_dies(shop: OwnShop, chance: random.Random) -> None:
    os.kill(shop.stack.pid_of("sandbox"), signal.SIGKILL)


NEMESES: list[Callable[[OwnShop, random.Random], None]] = [
    redis_stops,
    redis_forgets,
    postgres_crashes,
    web_dies,
    worker_dies,
    beat_dies,
    provider_dies,
]


if __name__ == "__main__":
    sys.exit(main())
