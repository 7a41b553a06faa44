"""Is anything done twice, or lost, when the database's answer to a COMMIT is? `bench/commit_cuts.py [--trials N]`.

On the shop as `bin/run` starts it, with a proxy before PostgreSQL: the connection is cut at the COMMIT that places an
order, and again at the one that puts its payment on record, by turns before the server has it and behind it. The buyer
asks again with the same Idempotency-Key. Held against the database and the payment stand-in's own books: one order and
one charge each, no broken invariant. Writes bench/results/commit_cuts.json.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "commit_cuts.json"
# Started as a file, Python looks beside it alone.
sys.path[0] = str(ROOT)

from bench.circumstances import circumstances  # noqa: E402
from tests.faults.behind_proxies import faulty_shop  # noqa: E402
from tests.faults.commits import lose_orders, lose_payments, problems  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200, help="orders, each cut twice (%(default)s)")
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="commits ") as name, faulty_shop(Path(name) / "shop") as shop:
        trials = lose_orders(shop, given.trials)
        lose_payments(shop, trials)
        found = {
            "orders": len(trials),
            "commits_cut": {name: n for name, n in shop.postgres.struck.items() if name.startswith("commit")},
            "first_answers": dict(Counter(trial.buyer.refusals[0] for trial in trials)),
            "problems": problems(shop, trials),
        }
    result = {
        "command": f"bench/commit_cuts.py --trials {given.trials}",
        **circumstances(),
        "goal": "one order and one charge each, no broken invariant",
        "seconds": round(time.monotonic() - started, 1),
        "results": found,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 1 if found["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
