"""The stock ledger's verbs. Nobody else writes stock.

Counters change in single statements on one row, SKUs in order and last in the transaction: a hot row is locked for the
time of its COMMIT only, and who finds it sold out takes no lock. The functions run inside the caller's transaction and
refuse to run without one. docs/algorithms/stock.md tells the whole story.
"""

from .alerts import sweep_low_stock
from .promises import (
    allocate,
    allocate_more,
    extend,
    hold,
    reallocate,
    release,
    release_expired,
    secure,
    ship,
    take_over,
)
from .repair import replay
from .shelf import (
    adjust,
    default_warehouse,
    ensure_item,
    receive,
    restock,
    set_available,
    set_on_hand,
    set_rules,
    transfer,
    update_item,
    write_off,
)

__all__ = [
    "adjust",
    "allocate",
    "allocate_more",
    "default_warehouse",
    "ensure_item",
    "extend",
    "hold",
    "reallocate",
    "receive",
    "release",
    "release_expired",
    "replay",
    "restock",
    "secure",
    "set_available",
    "set_on_hand",
    "set_rules",
    "ship",
    "sweep_low_stock",
    "take_over",
    "transfer",
    "update_item",
    "write_off",
]
