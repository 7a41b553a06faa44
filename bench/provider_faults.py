"""Is anybody charged twice, or a paid order lost, while the payment provider fails? `bench/provider_faults.py`.

Buyers order and pay over HTTP on the shop as `bin/run` starts it, on the servers that `DATABASE_URL` and `REDIS_URL`
name, while the payment stand-in fails that share of all calls and of all messages: silence, broken connections, errors
before and after the effect, broken answers, messages lost, late, doubled, swapped or forged. Then the provider is well,
and what the shop says is held against the stand-in's own books. Writes bench/results/provider_faults.json.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "provider_faults.json"
# Started as a file, Python looks beside it alone.
sys.path[0] = str(ROOT)

from bench.circumstances import circumstances  # noqa: E402
from tests.provider.faulty_sale import Sale  # noqa: E402
from tests.stack import running  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkouts", type=int, default=2000, help="how many buyers come (%(default)s)")
    parser.add_argument("--share", type=float, default=0.2, help="of the provider's calls that fail (%(default)s)")
    parser.add_argument("--at-once", type=int, default=8, help="buyers at one moment (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=1800, help="seconds until the books agree (%(default)s)")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="provider faults ") as name,
        running(Path(name) / "shop", redis_database=5, SHOP_TRUSTED_PROXIES="1") as stack,
    ):
        sale = Sale(stack, given.checkouts, given.share, given.seed, given.at_once)
        started = time.monotonic()
        sale.open()
        sold = time.monotonic() - started
        agreed = sale.wait_until_books_agree(given.patience)
        found = sale.summary() | {"broken_invariants": stack.broken_invariants()}
    result = {
        "command": " ".join(["bench/provider_faults.py", *sys.argv[1:]]),
        **circumstances(),
        "goal": "0 double charges, 0 lost paid orders, no broken invariant",
        "seconds_of_sale": round(sold, 1),
        "seconds_until_books_agreed": round(agreed, 1),
        "results": found,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    wrong = ("double_charges", "lost_paid_orders", "refunds_unknown_to_the_shop", "broken_invariants")
    return 1 if any(found[name] for name in wrong) else 0


if __name__ == "__main__":
    sys.exit(main())
