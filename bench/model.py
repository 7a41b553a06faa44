"""Does the shop ever answer otherwise than plain books say? `bench/model.py [--steps N] [--seed N]`.

Random histories over the operations that views and workers call, on the servers that `DATABASE_URL` and `REDIS_URL`
name, with the payment stand-in; after each step stock, orders, money and promises are compared with the books, and
every tenth step all invariants are verified (tests/model). Prints how often each outcome came, and writes
bench/results/model.json. A difference ends the run with its history.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "model.json"
# Started as a file, Python looks beside it alone.
sys.path[0] = str(ROOT)

from bench.circumstances import circumstances  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000, help="%(default)s")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.NamedTemporaryFile(prefix="tally ") as tally:
        wanted = {"SHOP_MODEL_STEPS": given.steps, "SHOP_MODEL_SEED": given.seed, "SHOP_MODEL_TALLY": tally.name}
        code = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/model", "-q", "--create-db", "-p", "no:logging"],
            cwd=ROOT,
            env=os.environ | {name: str(value) for name, value in wanted.items()},
        ).returncode
        outcomes = json.loads(Path(tally.name).read_text() or "{}")
    if code or not outcomes:
        return code or 1
    result = {
        "command": f"bench/model.py --steps {given.steps} --seed {given.seed}",
        **circumstances(),
        "seconds": round(time.monotonic() - started),
        "steps": sum(outcomes.values()),
        "failures": 0,
        "outcomes": outcomes,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
