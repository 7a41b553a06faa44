"""The invariants as tests see them."""

from typing import Any

from shop.invariants import verify


def broken() -> dict[str, list[dict[str, Any]]]:
    """Offending rows by invariant; empty when everything holds."""
    return {finding.invariant.code: finding.rows for finding in verify() if finding.rows}
