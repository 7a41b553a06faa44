"""The stock ledger's verbs. Nobody else writes stock.

Counters change in single statements on one row, SKUs in order and last in the transaction: a hot row is locked for the
time of its COMMIT only, and who finds it sold out takes no lock. The functions run inside the caller's transaction and
refuse to run without one. docs/algorithms/stock.md tells the whole story.
"""

from .low_stock import sweep_low_stock
from .promises import (
    allocate,
    extend,
    hold,
    lock,
    reallocate,
    release,
    release_expired,
    secure,
    ship,
)
from .shelf import (
    adjust,
    default_warehouse,
    ensure_item,
    receive,
    restock,
    set_available,
    set_on_hand,
    set_rules,
    update_item,
)

__all__ = [
    "adjust",
    "allocate",
    "default_warehouse",
    "ensure_item",
    "extend",
    "hold",
    "lock",
    "reallocate",
    "receive",
    "release",
    "release_expired",
    "restock",
    "secure",
    "set_available",
    "set_on_hand",
    "set_rules",
    "ship",
    "sweep_low_stock",
    "update_item",
]
