"""Every point of the code at which a process can be interrupted, as the code itself names them."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Which process is at work there when an order goes its way; the processes told of are those that may die there.
PLACES = {
    # C1 to C9: the order and its payment are begun, the answer is lost.
    "checkout.before_order": "web",
    "checkout.before_commit": "web",
    "outbox.before_poke": "web",
    "payments.before_request": "web",
    "payments.session_created": "web",
    "payments.before_record": "web",
    "payments.recorded_before_commit": "web",
    "idempotency.before_kept": "web",
    "idempotency.kept": "web",
    # C10 to C12: word of the payment arrives.
    "webhooks.stored": "web",
    "webhooks.before_answer": "web",
    "webhooks.claimed": "worker",
    "payments.settled_before_commit": "worker",
    "webhooks.handled": "worker",
    # C13 to C16: what follows an order.
    "outbox.claimed": "worker",
    "outbox.handled": "worker",
    "mail.sent": "worker",
    "holds.swept_before_commit": "worker",
    "refunds.before_request": "worker",
    "refunds.accepted": "worker",
    "returns.received_before_commit": "web",
    "returns.refunded": "worker",
}


def named_in_code() -> dict[str, str]:
    """By name: the file whose line reaches it. Errors: AssertionError for a name that is computed or used twice."""
    found: dict[str, str] = {}
    for path in sorted(ROOT.glob("*/**/*.py")):
        parts = path.relative_to(ROOT).parts
        if parts[0] in {"tests", "var", "bench", ".venv"} or "tests" in parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "failpoints.reach":
                (argument,) = node.args
                assert isinstance(argument, ast.Constant), f"{path}: a name that nobody can look up"
                name = str(argument.value)
                assert name not in found, f"{name} stands twice"
                found[name] = str(path.relative_to(ROOT))
    return found
