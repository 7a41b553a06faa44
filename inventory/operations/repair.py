"""Counters made anew from what they count: the last resort after a restored backup or a change by hand."""

from django.db import connection, transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from inventory.models import Reservation, StockItem, StockMovement, Warehouse

Key = tuple[str, int]


@transaction.atomic
def replay() -> list[str]:
    """Sets each shelf to the sum of its movements, each promise to its open reservations, shortfall to what follows.

    Answers what was changed, old -> new. An item that is missing is made; a ledger that adds up to less than nothing
    is told and left alone. The ledger itself is never touched.
    Locks: the table of stock items against writers: who has changed one is waited for, who has not yet has to wait.
    """
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE inventory_stockitem IN SHARE ROW EXCLUSIVE MODE")
    moved = _sums(StockMovement.objects.all())
    promised = _sums(Reservation.objects.open())
    items: dict[Key, StockItem] = {(item.sku, item.warehouse_id): item for item in StockItem.objects.all()}
    codes = dict(Warehouse.objects.values_list("pk", "code"))
    told = []
    for key in sorted({*items, *moved, *promised}):
        item = items.get(key) or StockItem(sku=key[0], warehouse_id=key[1])
        line = _correct(item, moved.get(key, 0), promised.get(key, 0))
        if line:
            told.append(f"{item.sku} in {codes[item.warehouse_id]}: {line}")
    return told


def _correct(item: StockItem, on_hand: int, reserved: int) -> str:
    if on_hand < 0:
        return f"the movements add up to {on_hand}, so on_hand stays {item.on_hand}"
    right = {
        "on_hand": on_hand,
        "reserved": reserved,
        "shortfall": max(0, reserved - on_hand - item.backorder_limit),
    }
    wrong = {name: value for name, value in right.items() if getattr(item, name) != value}
    changes = ", ".join(f"{name} {getattr(item, name)} -> {value}" for name, value in wrong.items())
    if not wrong:
        return ""
    if item.pk is None:
        changes = f"was missing; {changes}"
    for name, value in wrong.items():
        setattr(item, name, value)
    item.updated_at = timezone.now()
    item.save(update_fields=[*wrong, "updated_at"] if item.pk else None)
    return changes


def _sums(rows: QuerySet[StockMovement] | QuerySet[Reservation]) -> dict[Key, int]:
    totals = rows.order_by().values_list("sku", "warehouse_id").annotate(units=Sum("quantity"))
    return {(sku, warehouse): units for sku, warehouse, units in totals}
