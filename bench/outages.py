"""What do people notice when a server goes away? `bench/outages.py [--redis-seconds N] [--restarts N] [--kills N]`.

On the shop as `bin/run` starts it, with a PostgreSQL and a Valkey of its own, while two people look at pages and two
order and pay, again and again: Redis stopped and emptied, PostgreSQL crashed and restarted, the task worker
killed. Held against the database: every acknowledged order is there and, where it was paid for, paid. Writes
bench/results/outages.json.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "outages.json"
# Started as a file, Python looks beside it alone.
sys.path[0] = str(ROOT)

from bench.circumstances import circumstances  # noqa: E402
from tests.faults.buyer import put_on_sale  # noqa: E402
from tests.faults.load import Load  # noqa: E402
from tests.faults.outages import (  # noqa: E402
    SKU,
    postgres_restarts,
    redis_away,
    seconds_until_nothing_is_lost,
    worker_killed,
)
from tests.faults.own_servers import OwnShop, own_shop  # noqa: E402
from tests.stack import eventually  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--redis-seconds", type=float, default=60, help="that Redis is away (%(default)s)")
    parser.add_argument("--restarts", type=int, default=20, help="of PostgreSQL (%(default)s)")
    parser.add_argument("--kills", type=int, default=5, help="of the task worker (%(default)s)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="outages ") as name, own_shop(Path(name)) as shop:
        put_on_sale(shop.stack, SKU, units=1_000_000)
        load, meanwhile = redis_away(shop, seconds=given.redis_seconds)
        redis = {"away_seconds": given.redis_seconds, "orders_meanwhile": meanwhile} | told(shop, load)
        load, recoveries = postgres_restarts(shop, times=given.restarts)
        postgres = {"restarts": given.restarts, "recovered_seconds_at_most": round(max(recoveries), 1)}
        postgres |= told(shop, load)
        worker = {"kills": given.kills} | told(shop, worker_killed(shop, times=given.kills))
        eventually(lambda: not shop.pending(), seconds=120, what="the queue to be empty")
        broken = shop.stack.broken_invariants()
    results = {"redis": redis, "postgresql": postgres, "worker": worker, "broken_invariants": broken}
    result = {
        "command": " ".join(["bench/outages.py", *sys.argv[1:]]),
        **circumstances(),
        "goal": "Redis, worker: no 5xx. PostgreSQL: 503 with Retry-After at worst, back in 10 s. Nothing lost",
        "results": results,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    is_good = not (redis["failed"] or worker["failed"] or broken) and set(postgres["failed"]) <= {503}
    return 0 if is_good and max(recoveries) < 10 else 1


def told(shop: OwnShop, load: Load) -> dict[str, Any]:
    failed: dict[int, int] = {}
    for sample in load.failed():
        failed[sample.status] = failed.get(sample.status, 0) + 1
    return {
        "requests": len(load.samples),
        "failed": failed,
        "failed_without_retry_after": sum(not sample.retry_after for sample in load.failed()),
        "acknowledged_orders": len(load.acknowledged),
        "seconds_until_all_were_settled": round(seconds_until_nothing_is_lost(shop, load), 1),
    }


if __name__ == "__main__":
    sys.exit(main())
