"""From which warehouses a line is taken: from the first that has all of it, by priority; else from each what it has."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from django.db.models.functions import Collate

from inventory.errors import InsufficientStock
from inventory.models import StockItem, StockItemQuerySet

from .counters import Change

# Units by warehouse.
Parts: TypeAlias = dict[int, int]


def choose(wanted: Mapping[str, int], returning: Iterable[Change], *, partly: bool = False) -> dict[str, Parts]:
    """The warehouses to take `wanted` from. What the same transaction gives back, `returning`, may be taken again.

    Raises InsufficientStock for the first SKU that can't be had in full; `partly` leaves those out instead.
    Where a SKU lies in one warehouse, the guard of the promise decides. Where there are several, the choice is made on
    rows that nobody else can change; who sees that it is sold out takes no lock.
    Locks: where a SKU has several warehouses, the stock rows of all SKUs concerned, by SKU and warehouse.
    """
    wanted = {sku: quantity for sku, quantity in sorted(wanted.items()) if quantity}
    if not wanted:
        return {}
    back: Counter[tuple[str, int]] = Counter()
    for change in returning:
        back[change.sku, change.warehouse_id] -= change.reserved
    items = _by_sku(StockItem.objects.filter(sku__in=wanted).order_by("warehouse__priority", "warehouse_id"))
    wanted = _enough(wanted, items, back, partly=partly)
    if any(len(items[sku]) > 1 for sku in wanted):
        skus = {*wanted, *(sku for sku, _ in back)}
        fresh = {item.pk: item for item in _locked(StockItem.objects.filter(sku__in=skus))}
        items = {sku: [fresh[item.pk] for item in items[sku]] for sku in wanted}
        wanted = _enough(wanted, items, back, partly=partly)
    return {
        sku: spread(quantity, {item.warehouse_id: _capacity(item, back) for item in items[sku]})
        for sku, quantity in wanted.items()
    }


def spread(quantity: int, capacities: Mapping[int, int]) -> Parts:
    """`capacities` in the order of priority, together at least `quantity`."""
    for warehouse, capacity in capacities.items():
        if capacity >= quantity:
            return {warehouse: quantity}
    parts = {}
    for warehouse, capacity in capacities.items():
        if units := min(capacity, quantity):
            parts[warehouse] = units
            quantity -= units
    return parts


def _locked(items: StockItemQuerySet) -> list[StockItem]:
    """In the order in which `counters.apply` changes them, which knows nothing of the database's own collation."""
    return list(items.select_for_update(no_key=True).order_by(Collate("sku", "C"), "warehouse_id"))


def _by_sku(items: Iterable[StockItem]) -> dict[str, list[StockItem]]:
    found: dict[str, list[StockItem]] = defaultdict(list)
    for item in items:
        found[item.sku].append(item)
    return found


def _enough(
    wanted: Mapping[str, int],
    items: Mapping[str, list[StockItem]],
    back: Mapping[tuple[str, int], int],
    *,
    partly: bool,
) -> dict[str, int]:
    enough = {}
    for sku, quantity in wanted.items():
        of = items.get(sku, [])
        if sum(_capacity(item, back) for item in of) >= quantity:
            enough[sku] = quantity
        elif not partly:
            raise InsufficientStock(sku, sum(item.available for item in of))
    return enough


def _capacity(item: StockItem, back: Mapping[tuple[str, int], int]) -> int:
    return item.available + back.get((item.sku, item.warehouse_id), 0)
