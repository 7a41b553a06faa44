"""What is left when the shop's processes are killed at every failpoint? `bench/crash_points.py [--seeds N]`.

For each seed a new shop as `bin/run` starts it, on the servers that `DATABASE_URL` and `REDIS_URL` name: at every point
of `tests/faults/points.py` one process gets kill -9 while a buyer's order is there, a web process and the task worker
by turns, in an order that the seed decides. Each buyer repeats what got no answer with the same Idempotency-Key. Held
against the database and the payment stand-in's own books: one order, one charge and one refund each, no broken
invariant, everybody served within 60 s of the last blow. Writes bench/results/crash_points.json.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "crash_points.json"
# Started as a file, Python looks beside it alone.
sys.path[0] = str(ROOT)

from bench.circumstances import circumstances  # noqa: E402
from tests.faults.buyer import put_on_sale  # noqa: E402
from tests.faults.crashes import (  # noqa: E402
    ENVIRONMENT,
    RECOVERY_SECONDS,
    SKU,
    crash_everywhere,
    problems,
    recovery_seconds,
)
from tests.faults.points import PLACES  # noqa: E402
from tests.stack import running  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="how many (%(default)s)")
    given = parser.parse_args()
    results = [run(seed) for seed in range(1, given.seeds + 1)]
    result = {
        "command": f"bench/crash_points.py --seeds {given.seeds}",
        **circumstances(),
        "goal": f"every point struck, no problem, everybody served {RECOVERY_SECONDS} s after the last blow",
        "points": len(PLACES),
        "results": results,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 0 if all(is_good(each) for each in results) else 1


def run(seed: int) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="crashes ") as name,
        running(Path(name) / "shop", redis_database=7, **ENVIRONMENT) as stack,
    ):
        put_on_sale(stack, SKU, units=500)
        started = time.monotonic()
        crashes = crash_everywhere(stack, seed=seed)
        found = {
            "seed": seed,
            "kills": sum(crash.hits for crash in crashes if crash.victims),
            "seconds": round(time.monotonic() - started, 1),
            "process_back_after_seconds_at_most": round(max(crash.back_seconds for crash in crashes), 1),
            "served_seconds_after_the_last_blow": round(recovery_seconds(crashes), 1),
            "problems": problems(stack, crashes),
        }
    print(json.dumps(found), flush=True)
    return found


def is_good(found: dict[str, Any]) -> bool:
    on_time = found["served_seconds_after_the_last_blow"] <= RECOVERY_SECONDS
    return found["kills"] == len(PLACES) and on_time and not found["problems"]


if __name__ == "__main__":
    sys.exit(main())
