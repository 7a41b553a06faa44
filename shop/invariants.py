"""What must always be true of the data, as queries that find every row for which it is not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection


@dataclass(frozen=True)
class Invariant:
    """`violations` selects the offending rows; `examined` counts the rows that it looked at, for 0 proves nothing."""

    code: str
    promise: str
    violations: str
    examined: str


@dataclass(frozen=True)
class Finding:
    invariant: Invariant
    examined: int
    rows: list[dict[str, Any]]


_registry: dict[str, Invariant] = {}
# By what they repair: each makes counters anew from a ledger and answers what it changed, a line each.
_repairs: dict[str, Callable[[], list[str]]] = {}
MAX_ROWS = 100


def register(*invariants: Invariant) -> None:
    for invariant in invariants:
        if _registry.setdefault(invariant.code, invariant) != invariant:
            raise ValueError(f"two invariants are called {invariant.code}")


def register_repair(what: str, repair: Callable[[], list[str]]) -> None:
    _repairs[what] = repair


def repair() -> dict[str, list[str]]:
    """Runs every registered repair; what each changed, old -> new."""
    return {what: run() for what, run in sorted(_repairs.items())}


def registered() -> list[Invariant]:
    return [_registry[code] for code in sorted(_registry)]


def verify() -> list[Finding]:
    """Runs every registered invariant; at most `MAX_ROWS` offending rows of each are returned."""
    findings = []
    with connection.cursor() as cursor:
        for invariant in registered():
            cursor.execute(f"SELECT ({invariant.examined})::bigint")
            examined = cursor.fetchone()[0]
            cursor.execute(f"SELECT * FROM ({invariant.violations}) AS violation LIMIT {MAX_ROWS}")
            names = [column.name for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            findings.append(Finding(invariant, examined, rows))
    return findings
