"""Ten thousand requests that Schemathesis makes of the API's description: `bench/fuzz.py [--examples N]`.

Starts the shop with its demo as `bin/run` does, on the servers that `DATABASE_URL` and `REDIS_URL` name. Rate limits
stay on; the requests come from many people and addresses. Writes bench/results/schemathesis.json and prints it.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "schemathesis.json"
# Started as a file, Python looks beside it alone.
sys.path[0] = str(ROOT)

from bench.circumstances import circumstances  # noqa: E402
from tests.contract.fuzzing import LEFT_OUT, fuzz  # noqa: E402
from tests.stack import running  # noqa: E402

GOAL = 10_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=155, help="of each operation while fuzzing (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz ") as name:
        folder = Path(name)
        with running(folder / "shop", redis_database=11, arguments=(), SHOP_TRUSTED_PROXIES="1") as stack:
            started = time.monotonic()
            report = fuzz(stack, folder, examples=given.examples, seed=given.seed, seconds=3600)
            seconds = time.monotonic() - started
            broken = stack.broken_invariants()
    answers = {str(status): count for status, count in sorted(report.statuses.items())}
    result = {
        "command": f"bench/fuzz.py --examples {given.examples} --seed {given.seed}",
        **circumstances(),
        "seconds": round(seconds, 1),
        "cases": report.cases,
        "operations": report.operations,
        "answers": answers,
        "server_errors": sum(count for status, count in report.statuses.items() if status >= 500),
        "failures": report.failures,
        "invariants_broken": len(broken),
        "checks_left_out": list(LEFT_OUT),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    if report.failures:
        print(report.output)
    fine = not (result["failures"] or result["server_errors"] or broken) and report.cases >= GOAL
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
