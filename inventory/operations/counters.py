"""The one statement that changes the counters of a stock item."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from inventory.errors import InsufficientStock
from inventory.models import StockItem
from shop import live

from . import alerts


@dataclass(frozen=True)
class Change:
    """What is added to the counters of one SKU in one warehouse."""

    sku: str
    warehouse_id: int
    on_hand: int = 0
    reserved: int = 0


CHANGE = """
UPDATE inventory_stockitem SET
    on_hand = on_hand + %(on_hand)s,
    reserved = reserved + %(reserved)s,
    shortfall = CASE
        -- A promise never explains itself: were its guard missing, the CHECK would still refuse to oversell.
        WHEN %(reserved)s > 0 THEN shortfall
        ELSE greatest(0, reserved + %(reserved)s - on_hand - %(on_hand)s - backorder_limit) END,
    low_stock_at = CASE
        WHEN %(on_hand)s > 0
            AND on_hand + %(on_hand)s - safety_stock + backorder_limit - reserved - %(reserved)s > low_stock_threshold
            THEN NULL
        WHEN %(reserved)s > %(on_hand)s AND low_stock_at IS NULL
            AND on_hand + %(on_hand)s - safety_stock + backorder_limit - reserved - %(reserved)s <= low_stock_threshold
            THEN now()
        ELSE low_stock_at END,
    updated_at = now()
WHERE sku = %(sku)s AND warehouse_id = %(warehouse_id)s {guard}
RETURNING CASE WHEN low_stock_at = now() THEN low_stock_at END, shortfall, now()
"""
# The guard of every promise. Waiting for a rival's COMMIT, PostgreSQL reads the row again before it answers.
GUARD = "AND shortfall = 0 AND on_hand - safety_stock + backorder_limit - reserved >= %(reserved)s"


def apply(changes: Iterable[Change], *, otherwise: Mapping[str, list[Change]] | None = None) -> set[str]:
    """Adds up the changes of each row and carries them out in SKU order; a rise of `reserved` passes the guard.

    Raises InsufficientStock for the first row where it does not, unless `otherwise` names what to do to its SKU
    instead; answers the SKUs for which that was done. Locks: stock rows by SKU and warehouse.
    """
    totals: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for change in changes:
        total = totals[change.sku][change.warehouse_id]
        total[0] += change.on_hand
        total[1] += change.reserved
    low: dict[str, datetime] = {}
    changed = {sku for sku, rows in totals.items() if any(map(any, rows.values()))}
    if changed:
        live.hint("stock.changed", changed)
    refused = set()
    for sku in sorted(changed):
        rows = totals[sku]
        try:
            # A SKU's rows change all or none: what the first one promised must not outlive the refusal of the second.
            with transaction.atomic() if otherwise is not None and len(rows) > 1 else nullcontext():
                low |= _apply_to(sku, rows)
        except InsufficientStock:
            if otherwise is None:
                raise
            refused.add(sku)
            instead: dict[int, list[int]] = defaultdict(lambda: [0, 0])
            for change in otherwise[sku]:
                instead[change.warehouse_id][1] += change.reserved
            low |= _apply_to(sku, instead)
    if low:
        alerts.tell_low(list(low), min(low.values()))
    return refused


def _apply_to(sku: str, rows: Mapping[int, list[int]]) -> dict[str, datetime]:
    """Answers when the SKU became low, if it did."""
    low = {}
    with connection.cursor() as cursor:
        for warehouse_id, (on_hand, reserved) in sorted(rows.items()):
            if not on_hand and not reserved:
                continue
            guard = GUARD if reserved > 0 else ""
            values = {"sku": sku, "warehouse_id": warehouse_id, "on_hand": on_hand, "reserved": reserved}
            cursor.execute(CHANGE.format(guard=guard), values)  # type: ignore[arg-type]
            row = cursor.fetchone()
            if row is None:
                raise InsufficientStock(sku, available(sku))
            low_at, shortfall, now = row
            if low_at:
                low[sku] = low_at
            if on_hand < 0 <= reserved and shortfall:
                alerts.tell_short(sku, warehouse_id, shortfall, now)
    return low


def available(sku: str) -> int:
    return StockItem.objects.available_by_sku([sku]).get(sku, 0)


def require_transaction() -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("stock changes need the transaction of what they belong to")
