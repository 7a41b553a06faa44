"""Schemathesis over a running shop: what the description says and what the server does, in thousands of requests.

Rate limits stay as they are. Instead the requests come from many: each with another token and another address (the
server trusts one proxy, `X-Forwarded-For`), so that almost none is answered 429 and what it asks for is reached.
"""

import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.stack import ROOT, Stack

SETTINGS = Path(__file__).with_name("schemathesis.toml")
STATUS = re.compile(r'"status_code": ?(\d{3})')
PEOPLE = 120
# Left out: each request comes from somebody else, who is right not to be shown what the one before has made; and what
# a description can't say (a code that exists, stock that is there) is refused although it has the right shape.
LEFT_OUT = ("ensure_resource_availability", "positive_data_acceptance")
MAKE_PEOPLE = """
import json
from django.utils import timezone
from accounts import operations
from accounts.models import User
from catalog.models import Product, Variant
from orders.models import Order
now = timezone.now()
people = []
for number in range({people}):
    staff = number % 3 == 0
    user = User(email=f"fuzz{{number}}@example.com", is_staff=staff, is_superuser=staff)
    user.set_unusable_password()
    user.save()
    people.append(operations.issue_token(user, "fuzz", now)[1])
ids = {{
    "product_id": list(Product.objects.published().values_list("public_id", flat=True)[:20]),
    "category_id": ["table"],
    "sku": list(Variant.objects.values_list("sku", flat=True)[:20]),
    "order_id": list(Order.objects.values_list("public_id", flat=True)[:20]),
    "user_id": ["me"],
}}
print("FUZZ" + json.dumps({{"tokens": people[:{people} // 2], "spare": people[{people} // 2:], "ids": ids}}))
"""


@dataclass(frozen=True)
class Report:
    cases: int
    operations: int
    statuses: Counter[int]
    failures: list[str]
    exit_code: int
    output: str


def fuzz(stack: Stack, folder: Path, *, examples: int, seed: int, seconds: int) -> Report:
    """All phases of Schemathesis. `examples`: of each operation while fuzzing; `seconds`: how long it may take."""
    printed = stack.manage("shell", "-c", MAKE_PEOPLE.format(people=PEOPLE))
    line = next(line for line in printed.splitlines() if line.startswith("FUZZ"))
    known = folder / "known.json"
    known.write_text(line.removeprefix("FUZZ"))
    log = folder / "requests.ndjson"
    # One worker: in two threads of Python 3.11, Schemathesis meets python/cpython#106905 and ends.
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(SETTINGS),
        "run", f"{stack.base_url}/api/openapi.json",
        "--phases", "examples,coverage,fuzzing,stateful", "--checks", "all", "--exclude-checks", ",".join(LEFT_OUT),
        "--max-examples", str(examples), "--seed", str(seed), "--continue-on-failure", "--workers", "1",
        "--request-timeout", "30", "--report", "ndjson", "--report-ndjson-path", str(log), "--no-color",
        "--generation-database", "none", "--warnings", "off", "--suppress-health-check", "all",
    ]  # fmt: skip
    env = stack.env | {"SCHEMATHESIS_HOOKS": "tests.contract.fuzzing_hooks", "FUZZ_KNOWN": str(known)}
    done = subprocess.run(
        command, cwd=folder, env=env | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=seconds
    )
    return report_of(done, log)


def report_of(done: subprocess.CompletedProcess[str], log: Path) -> Report:
    statuses: Counter[int] = Counter()
    for line in log.read_text().splitlines():
        statuses.update(int(status) for status in STATUS.findall(line))
    cases = re.search(r"(\d+) generated", done.stdout)
    operations = re.search(r"Tested: (\d+)", done.stdout)
    assert cases and operations, done.stdout + done.stderr
    return Report(
        cases=int(cases[1]),
        operations=int(operations[1]),
        statuses=statuses,
        failures=re.findall(r"^- (ST\d+ .*)$", done.stdout, re.MULTILINE),
        exit_code=done.returncode,
        output=done.stdout + done.stderr,
    )
