"""Can a stranger tell by the clock who has an account, or which order exists? `bench/timing.py [--count N]`.

Over HTTP, on the shop as `bin/run` starts it with e-mail verification mandatory, on the servers that `DATABASE_URL` and
`REDIS_URL` name: known and unknown take turns in random order. Each request comes from an address of its own, so that
rate limits stay on. Prints medians and the p of a Mann-Whitney test, and writes bench/results/timing.json.

With verification optional, signing up tells of a known address by its very answer (api.md): nothing to measure there.
"""

import argparse
import json
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "timing.json"
# Started as a file, Python looks beside it alone.
sys.path[0] = str(ROOT)

from bench.circumstances import circumstances  # noqa: E402
from tests.stack import Stack, running  # noqa: E402

PASSWORD = "not the right passphrase"
P_GOAL = 0.01
NUMBERS = count(1)
# One each, since an account has a bucket of its own too.
MAKE_ACCOUNTS = """
from django.contrib.auth.hashers import make_password
from accounts.models import User
stored = make_password("correct horse battery")
for number in range({count}):
    User.objects.create(email=f"known{{number}}@example.com", password=stored)
"""
FIND_ORDERS = """
from orders.models import Order
print("FOUND" + " ".join(Order.objects.filter(user__isnull=False).values_list("public_id", flat=True)[:200]))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="requests of either kind (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    env = {"SHOP_TRUSTED_PROXIES": "1", "SHOP_VERIFY_EMAIL": "mandatory"}
    with (
        tempfile.TemporaryDirectory(prefix="timing ") as name,
        running(Path(name) / "shop", redis_database=14, arguments=(), **env) as stack,
    ):
        stack.manage("shell", "-c", MAKE_ACCOUNTS.format(count=given.count))
        results = {title: measure(pair, given.count, given.seed) for title, pair in pairs(stack).items()}
    result = {
        "command": f"bench/timing.py --count {given.count} --seed {given.seed}",
        **circumstances(),
        "goal": f"p above {P_GOAL}",
        "results": results,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({name: {k: v for k, v in each.items() if k != "samples_ms"} for name, each in results.items()}))
    return 0 if all(each["p"] > P_GOAL for each in results.values()) else 1


Ask = Callable[[int], int]


def pairs(stack: Stack) -> dict[str, tuple[Ask, Ask]]:
    """By title: a request about what is there, and one about what is not. Both answer the same status."""
    line = next(line for line in stack.manage("shell", "-c", FIND_ORDERS).splitlines() if line.startswith("FOUND"))
    orders = line.removeprefix("FOUND").split()
    assert orders, "the demo has orders"

    def post(path: str, email: str) -> int:
        return asked(stack, "POST", path, {"email": email, "password": PASSWORD})

    return {
        "sign in": (
            lambda number: post("/api/users/login", f"known{number}@example.com"),
            lambda number: post("/api/users/login", f"other{number}@example.com"),
        ),
        "sign up": (
            lambda number: post("/api/users/register", f"known{number}@example.com"),
            lambda number: post("/api/users/register", f"fresh{number}@example.com"),
        ),
        "order of another": (
            lambda number: asked(stack, "GET", f"/api/orders/{orders[number % len(orders)]}"),
            lambda number: asked(stack, "GET", f"/api/orders/order_{number:022d}"),
        ),
    }


def asked(stack: Stack, method: str, path: str, body: Any = None) -> int:
    number = next(NUMBERS)
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return stack.call(method, path, body, X_Forwarded_For=address).status


def measure(pair: tuple[Ask, Ask], rounds: int, seed: int) -> dict[str, Any]:
    chance = random.Random(seed)
    samples: list[list[float]] = [[], []]
    statuses: list[set[int]] = [set(), set()]
    for number in range(rounds):
        for which in chance.sample([0, 1], 2):
            started = time.perf_counter()
            statuses[which].add(pair[which](number))
            samples[which].append((time.perf_counter() - started) * 1000)
    assert statuses[0] == statuses[1] and len(statuses[0]) == 1, statuses
    there, not_there = samples
    return {
        "status": statuses[0].pop(),
        "there_median_ms": round(statistics.median(there), 2),
        "not_there_median_ms": round(statistics.median(not_there), 2),
        "p": round(mann_whitney(there, not_there), 4),
        "requests_each": rounds,
        "samples_ms": {
            "there": [round(each, 2) for each in there],
            "not_there": [round(each, 2) for each in not_there],
        },
    }


def mann_whitney(one: list[float], other: list[float]) -> float:
    """Two-sided p by the normal approximation, which from twenty samples on is good. Times are not tied."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    rank_sum = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    u = rank_sum - len(one) * (len(one) + 1) / 2
    mean = len(one) * len(other) / 2
    deviation = math.sqrt(len(one) * len(other) * (len(one) + len(other) + 1) / 12)
    return math.erfc(abs(u - mean) / deviation / math.sqrt(2))


if __name__ == "__main__":
    sys.exit(main())
