"""What lies on the shelves: every change is a movement in the ledger."""

from typing import Literal, TypeAlias

from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from inventory.errors import NotFree, StockBelowZero, TooManyUnits
from inventory.models import StockItem, StockItemQuerySet, StockMovement, Warehouse
from shop.errors import InvalidInput

from . import alerts
from .counters import Change, apply, require_transaction

Kind: TypeAlias = StockMovement.Kind
# What becomes of goods that come back: sold again, written off where they lie, or thrown away by the buyer.
Disposition: TypeAlias = Literal["restock", "damaged", "discard"]


def default_warehouse() -> Warehouse:
    return Warehouse.objects.order_by("priority", "id").first() or Warehouse.objects.create(code="main", name="Main")


def ensure_item(sku: str, warehouse: Warehouse | None = None) -> StockItem:
    """The SKU's stock item in that warehouse, or in the first one that has it; made empty where there is none."""
    if warehouse is None:
        item = StockItem.objects.filter(sku=sku).order_by("warehouse__priority", "id").first()
        if item:
            return item
        warehouse = default_warehouse()
    return StockItem.objects.get_or_create(sku=sku, warehouse=warehouse)[0]


def receive(
    sku: str, quantity: int, *, reason: str, actor: str, key: str | None = None, warehouse: Warehouse | None = None
) -> None:
    """Puts `quantity` more units on the shelf; once for each `key`. Raises TooManyUnits. Locks: one stock row."""
    require_transaction()
    item = ensure_item(sku, warehouse)
    _move(item, Kind.RECEIPT, quantity, reason=reason, actor=actor, key=key)


def restock(
    sku: str,
    quantity: int,
    *,
    disposition: Disposition,
    warehouse: Warehouse | None,
    reference: str,
    actor: str,
    key: str,
) -> None:
    """Books units that came back from a buyer, once for each `key`: `restock` sells them again.

    `damaged` and `discard` come back and are written off at once: the ledger shows both, the shelf is as before.
    Without a warehouse they go to the first that has the SKU. Raises TooManyUnits. Locks: one stock row.
    """
    require_transaction()
    item = ensure_item(sku, warehouse)
    came = _move(item, Kind.RETURN, quantity, reason=disposition, actor=actor, key=key, reference=reference)
    if came and disposition != "restock":
        _move(item, Kind.DAMAGE, -quantity, reason=disposition, actor=actor, key=f"{key}:off", reference=reference)


def write_off(item: StockItem, quantity: int, *, reason: str, actor: str, key: str | None = None) -> None:
    """Takes `quantity` damaged units off the shelf, once for each `key`. Raises StockBelowZero.

    Fewer units than promised become `shortfall`. Locks: one stock row.
    """
    require_transaction()
    _move(item, Kind.DAMAGE, -quantity, reason=reason, actor=actor, key=key)


def transfer(
    sku: str, quantity: int, *, source: Warehouse, target: Warehouse, reason: str, actor: str, key: str
) -> None:
    """Moves units from one warehouse to another, once for each `key`. What is promised to buyers stays where it is.

    Raises NotFree for more than lies unpromised at the source, TooManyUnits. Locks: both stock rows, by warehouse.
    """
    require_transaction()
    if source == target or quantity < 1:
        raise InvalidInput("Choose another warehouse and at least one unit.")
    arriving = ensure_item(sku, target)
    items = {item.warehouse_id: item for item in _locked(StockItem.objects.filter(sku=sku))}
    if StockMovement.objects.filter(idempotency_key=f"{key}:out").exists():
        return
    leaving = items.get(source.pk)
    free = max(0, leaving.on_hand - leaving.reserved) if leaving else 0
    if leaving is None or quantity > free:
        raise NotFree(sku, free)
    with transaction.atomic():
        _move(leaving, Kind.TRANSFER_OUT, -quantity, reason=reason, actor=actor, key=f"{key}:out")
        _move(arriving, Kind.TRANSFER_IN, quantity, reason=reason, actor=actor, key=f"{key}:in")


def adjust(item: StockItem, quantity: int, *, reason: str, actor: str) -> None:
    """Corrects the shelf by a signed `quantity`. Raises StockBelowZero. Fewer units than promised become `shortfall`.

    Locks: one stock row.
    """
    require_transaction()
    _move(item, Kind.ADJUSTMENT, quantity, reason=reason, actor=actor)


def set_available(sku: str, quantity: int, *, reason: str, actor: str) -> None:
    """Adjusts the first warehouse's shelf so that exactly `quantity` units can be bought of all of them.

    Raises StockBelowZero, TooManyUnits. Locks: one stock row.
    """
    require_transaction()
    (item,) = _locked(StockItem.objects.filter(pk=ensure_item(sku).pk))
    others = StockItem.objects.filter(sku=sku).exclude(pk=item.pk)
    elsewhere = sum(other.available for other in others)
    target = quantity - elsewhere + item.reserved + item.safety_stock - item.backorder_limit
    adjust(item, target - item.on_hand, reason=reason, actor=actor)


def set_on_hand(item: StockItem, quantity: int, *, reason: str, actor: str) -> None:
    """Records a stock-take: `quantity` units were counted. Raises TooManyUnits. Locks: the stock row."""
    require_transaction()
    (item,) = _locked(StockItem.objects.filter(pk=item.pk))
    adjust(item, quantity - item.on_hand, reason=reason, actor=actor)


@transaction.atomic
def update_item(item: StockItem, *, quantity: int | None, low_stock_threshold: int | None, actor: str) -> StockItem:
    """Records a stock-take, a new threshold or both; None leaves it. Raises TooManyUnits. Locks: the stock row."""
    (item,) = _locked(StockItem.objects.filter(pk=item.pk))
    if low_stock_threshold is not None:
        set_rules(
            item,
            safety_stock=item.safety_stock,
            backorder_limit=item.backorder_limit,
            low_stock_threshold=low_stock_threshold,
        )
    if quantity is not None:
        set_on_hand(item, quantity, reason="stock-take", actor=actor)
    item.refresh_from_db()
    return item


@transaction.atomic
def set_rules(item: StockItem, *, safety_stock: int, backorder_limit: int, low_stock_threshold: int) -> None:
    """Changes what may be promised of the item and when it counts as low. Locks: the stock row."""
    (before,) = _locked(StockItem.objects.filter(pk=item.pk))
    shortfall = max(0, before.reserved - before.on_hand - backorder_limit)
    StockItem.objects.filter(pk=item.pk).update(
        safety_stock=safety_stock,
        backorder_limit=backorder_limit,
        low_stock_threshold=low_stock_threshold,
        shortfall=shortfall,
        updated_at=timezone.now(),
    )
    if shortfall > before.shortfall:
        alerts.tell_short(item.sku, item.warehouse_id, shortfall, timezone.now())


# --- How


def _locked(items: StockItemQuerySet) -> list[StockItem]:
    return list(items.select_for_update(no_key=True).order_by("sku", "warehouse_id"))


def _move(
    item: StockItem,
    kind: Kind,
    quantity: int,
    *,
    reason: str,
    actor: str,
    key: str | None = None,
    reference: str = "",
) -> bool:
    """Writes the movement and changes the shelf: both or none, also for a caller who catches the error and goes on.

    Answers False where the key was used before, and nothing moved.
    """
    if not quantity:
        return False
    movement = {
        "sku": item.sku,
        "warehouse_id": item.warehouse_id,
        "kind": kind,
        "quantity": quantity,
        "reason": reason,
        "actor": actor,
        "reference": reference,
    }
    try:
        with transaction.atomic():
            if key is None:
                StockMovement.objects.create(**movement)
            elif not StockMovement.objects.get_or_create(idempotency_key=key, defaults=movement)[1]:
                return False
            apply([Change(item.sku, item.warehouse_id, on_hand=quantity)])
    except IntegrityError as error:
        raise StockBelowZero from error
    except DataError as error:
        raise TooManyUnits from error
    return True
