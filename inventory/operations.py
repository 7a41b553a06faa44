"""The stock ledger's verbs. Nobody else writes stock.

Counters change in single statements on one row, SKUs in order and last in the transaction: a hot row is locked for the
time of its COMMIT only, and who finds it sold out takes no lock. The functions run inside the caller's transaction and
refuse to run without one. docs/algorithms/stock.md tells the whole story.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from shop import live, outbox

from .errors import InsufficientStock, StockBelowZero, TooManyUnits
from .models import Reservation, StockItem, StockMovement, Warehouse

SWEEP_BATCH = 200
Kind: TypeAlias = Reservation.Kind
State: TypeAlias = Reservation.State


# --- Promising units


def hold(reference: str, quantities: Mapping[str, int], *, until: datetime) -> None:
    """Makes the open holds of `reference` exactly `quantities` for the SKUs named; 0 gives the units back.

    All or nothing: InsufficientStock for the first SKU that can't be promised. A hold that has run out but was not
    swept yet still owns its units and is revived.
    Locks: the reference's reservations, then stock rows by SKU.
    """
    _require_transaction()
    mine = Reservation.objects.open().holds().filter(reference=reference, sku__in=quantities)
    existing = {hold.sku: hold for hold in mine.select_for_update(no_key=True).order_by("sku")}
    wanted = {sku: quantity for sku, quantity in quantities.items() if quantity}
    given_back = [existing[sku] for sku in existing if sku not in wanted]
    _close(given_back, State.RELEASED)

    changes = [Change(hold.sku, hold.warehouse_id, reserved=-hold.quantity) for hold in given_back]
    for sku, quantity in wanted.items():
        current = existing.get(sku)
        delta = quantity - (current.quantity if current else 0)
        if current:
            Reservation.objects.filter(pk=current.pk).update(quantity=quantity, expires_at=until)
            warehouse = current.warehouse_id
        else:
            warehouse = _warehouse_with(sku, quantity)
            _open(reference, sku, warehouse, quantity, Kind.HOLD, until)
        if delta:
            changes.append(Change(sku, warehouse, reserved=delta))
    _apply(changes)


def allocate(hold_reference: str, reference: str, quantities: Mapping[str, int], *, until: datetime | None) -> None:
    """Promises `quantities` to `reference`: live holds of `hold_reference` become allocations, the rest is new.

    All or nothing: InsufficientStock. Afterwards `hold_reference` holds nothing.
    Locks: the reservations of `hold_reference`, then stock rows by SKU.
    """
    _require_transaction()
    holds = Reservation.objects.open().holds().filter(reference=hold_reference)
    changes, missing = [], Counter(quantities)
    for hold in holds.select_for_update(no_key=True).order_by("sku"):
        if missing[hold.sku] == hold.quantity and _convert(hold, reference, until):
            missing[hold.sku] = 0
        else:
            # Run out, or of another size: its units return and are reserved anew below, in the same statement.
            _close([hold], State.EXPIRED)
            changes.append(Change(hold.sku, hold.warehouse_id, reserved=-hold.quantity))
    _apply(changes + _reserve_anew(reference, missing, until))


def secure(reference: str, quantities: Mapping[str, int]) -> None:
    """Makes the allocations of a paid order last until they are shipped, reserving anew what has meanwhile gone.

    All or nothing: InsufficientStock. Locks: the order's reservations, then stock rows by SKU.
    """
    _require_transaction()
    missing = Counter(quantities)
    mine = Reservation.objects.open().allocations().filter(reference=reference)
    for allocation in mine.select_for_update(no_key=True).order_by("sku"):
        missing[allocation.sku] -= allocation.quantity
    mine.update(expires_at=None)
    _apply(_reserve_anew(reference, missing, None))


def extend(reference: str, *, until: datetime) -> None:
    """Lets the open reservations of `reference` that have an end run until then, never shorter than before."""
    Reservation.objects.open().filter(reference=reference, expires_at__lt=until).update(expires_at=until)


def lock(*references: str) -> None:
    """Locks what is promised to all of `references`, for who is about to change several of them in turn.

    Else the second one's reservations would be locked after the first one's stock, and the sweeper, which takes them
    the other way round, could wait for this transaction while it waits for the sweeper.
    """
    _require_transaction()
    mine = Reservation.objects.open().filter(reference__in=references).select_for_update(no_key=True)
    list(mine.order_by("reference", "sku"))


def release(reference: str) -> None:
    """Gives back everything that is promised to `reference`; nothing the second time.

    Locks: the reference's open reservations, then stock rows by SKU.
    """
    _require_transaction()
    mine = Reservation.objects.open().filter(reference=reference).select_for_update(no_key=True).order_by("sku")
    _give_back(list(mine), State.RELEASED)


def release_expired(now: datetime) -> int:
    """Gives back every hold that ran out, in batches; returns how many. Holds that somebody is using are passed over.

    Allocations of unpaid orders are not swept here: their order asks its payment provider first.
    """
    released = 0
    while True:
        with transaction.atomic():
            expired = Reservation.objects.open().holds().filter(expires_at__lte=now).order_by("sku", "id")
            batch = list(expired.select_for_update(skip_locked=True, no_key=True)[:SWEEP_BATCH])
            _give_back(batch, State.EXPIRED)
        released += len(batch)
        if len(batch) < SWEEP_BATCH:
            return released


# --- Units that come and go


def ensure_item(sku: str) -> StockItem:
    """The SKU's stock item in the first warehouse, made empty if there is none in any."""
    item = StockItem.objects.filter(sku=sku).order_by("warehouse__priority", "id").first()
    return item or StockItem.objects.get_or_create(sku=sku, warehouse=default_warehouse())[0]


def receive(sku: str, quantity: int, *, reason: str, actor: str, key: str | None = None) -> None:
    """Puts `quantity` more units on the shelf; once for each `key`. Raises TooManyUnits. Locks: one stock row."""
    _require_transaction()
    item = ensure_item(sku)
    _move(item, StockMovement.Kind.RECEIPT, quantity, reason=reason, actor=actor, key=key)


def adjust(item: StockItem, quantity: int, *, reason: str, actor: str) -> None:
    """Corrects the shelf by a signed `quantity`. Raises StockBelowZero. Fewer units than promised become `shortfall`.

    Locks: one stock row.
    """
    _require_transaction()
    _move(item, StockMovement.Kind.ADJUSTMENT, quantity, reason=reason, actor=actor)


def set_available(sku: str, quantity: int, *, reason: str, actor: str) -> None:
    """Adjusts the first warehouse's shelf so that exactly `quantity` units can be bought of all of them.

    Raises StockBelowZero, TooManyUnits. Locks: one stock row.
    """
    _require_transaction()
    item = StockItem.objects.select_for_update(no_key=True).get(pk=ensure_item(sku).pk)
    others = StockItem.objects.filter(sku=sku).exclude(pk=item.pk)
    elsewhere = sum(other.available for other in others)
    target = quantity - elsewhere + item.reserved + item.safety_stock - item.backorder_limit
    adjust(item, target - item.on_hand, reason=reason, actor=actor)


def set_on_hand(item: StockItem, quantity: int, *, reason: str, actor: str) -> None:
    """Records a stock-take: `quantity` units were counted. Raises TooManyUnits. Locks: the stock row."""
    _require_transaction()
    item = StockItem.objects.select_for_update(no_key=True).get(pk=item.pk)
    adjust(item, quantity - item.on_hand, reason=reason, actor=actor)


@transaction.atomic
def update_item(item: StockItem, *, quantity: int | None, low_stock_threshold: int | None, actor: str) -> StockItem:
    """Records a stock-take, a new threshold or both; None leaves it. Raises TooManyUnits. Locks: the stock row."""
    item = StockItem.objects.select_for_update(no_key=True).get(pk=item.pk)
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


def set_rules(item: StockItem, *, safety_stock: int, backorder_limit: int, low_stock_threshold: int) -> None:
    """Changes what may be promised of the item and when it counts as low. Locks: the stock row."""
    StockItem.objects.filter(pk=item.pk).update(
        safety_stock=safety_stock,
        backorder_limit=backorder_limit,
        low_stock_threshold=low_stock_threshold,
        shortfall=Greatest(0, F("reserved") - F("on_hand") - backorder_limit),
        updated_at=timezone.now(),
    )


def ship(reference: str, *, actor: str) -> None:
    """Takes everything allocated to `reference` off the shelf. Raises StockBelowZero for what is not on it.

    Locks: its reservations, then stock rows by SKU.
    """
    _require_transaction()
    mine = Reservation.objects.open().allocations().filter(reference=reference)
    allocations = list(mine.select_for_update(no_key=True).order_by("sku"))
    _close(allocations, State.FULFILLED)
    StockMovement.objects.bulk_create(
        StockMovement(
            sku=allocation.sku,
            warehouse_id=allocation.warehouse_id,
            kind=StockMovement.Kind.SHIPMENT,
            quantity=-allocation.quantity,
            reference=reference,
            actor=actor,
            idempotency_key=f"ship:{allocation.pk}",
        )
        for allocation in allocations
    )
    try:
        with transaction.atomic():
            _apply(Change(a.sku, a.warehouse_id, on_hand=-a.quantity, reserved=-a.quantity) for a in allocations)
    except IntegrityError as error:
        raise StockBelowZero("What is to be shipped is not on the shelf. Count it first.") from error


def sweep_low_stock(now: datetime) -> int:
    """Tells staff of every item at or under its threshold that no crossing has told of; returns how many."""
    with transaction.atomic():
        low = StockItem.objects.low().filter(low_stock_at__isnull=True).order_by("sku")
        items = list(low.select_for_update(skip_locked=True, no_key=True)[:500])
        if items:
            StockItem.objects.filter(pk__in=[item.pk for item in items]).update(low_stock_at=now)
            _tell_low([item.sku for item in items], now)
    return len(items)


def default_warehouse() -> Warehouse:
    return Warehouse.objects.order_by("priority", "id").first() or Warehouse.objects.create(code="main", name="Main")


# --- How


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
RETURNING CASE WHEN low_stock_at = now() THEN low_stock_at END
"""
# The guard of every promise. Waiting for a rival's COMMIT, PostgreSQL reads the row again before it answers.
GUARD = "AND shortfall = 0 AND on_hand - safety_stock + backorder_limit - reserved >= %(reserved)s"


def _apply(changes: Iterable[Change]) -> None:
    """Adds up the changes of each row and carries them out in SKU order; a rise of `reserved` passes the guard.

    Raises InsufficientStock for the first row where it does not.
    """
    totals: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
    for change in changes:
        total = totals[change.sku, change.warehouse_id]
        total[0] += change.on_hand
        total[1] += change.reserved
    low: dict[str, datetime] = {}
    changed = {sku for (sku, _), total in totals.items() if any(total)}
    if changed:
        live.hint("stock.changed", changed)
    with connection.cursor() as cursor:
        for (sku, warehouse_id), (on_hand, reserved) in sorted(totals.items()):
            if not on_hand and not reserved:
                continue
            guard = GUARD if reserved > 0 else ""
            values = {"sku": sku, "warehouse_id": warehouse_id, "on_hand": on_hand, "reserved": reserved}
            cursor.execute(CHANGE.format(guard=guard), values)  # type: ignore[arg-type]
            row = cursor.fetchone()
            if row is None:
                raise InsufficientStock(sku, _available(sku))
            if row[0]:
                low[sku] = row[0]
    if low:
        _tell_low(list(low), min(low.values()))


def _reserve_anew(reference: str, missing: Mapping[str, int], until: datetime | None) -> list[Change]:
    changes = []
    for sku, quantity in sorted(missing.items()):
        if quantity > 0:
            warehouse = _warehouse_with(sku, quantity)
            _open(reference, sku, warehouse, quantity, Kind.ALLOCATION, until)
            changes.append(Change(sku, warehouse, reserved=quantity))
    return changes


def _warehouse_with(sku: str, quantity: int) -> int:
    """The first warehouse that seems to have the units, else the first of all: the guard decides, this only chooses."""
    items = list(StockItem.objects.filter(sku=sku).order_by("warehouse__priority", "id"))
    if not items:
        raise InsufficientStock(sku, 0)
    return next((item for item in items if item.available >= quantity), items[0]).warehouse_id


def _available(sku: str) -> int:
    return StockItem.objects.available_by_sku([sku]).get(sku, 0)


def _open(reference: str, sku: str, warehouse_id: int, quantity: int, kind: Kind, until: datetime | None) -> None:
    Reservation.objects.create(
        reference=reference, sku=sku, warehouse_id=warehouse_id, quantity=quantity, kind=kind, expires_at=until
    )


def _convert(hold: Reservation, reference: str, until: datetime | None) -> bool:
    """Compare-and-set: a hold that has run out is nobody's any more."""
    live = Reservation.objects.open().filter(pk=hold.pk, expires_at__gt=timezone.now())
    return bool(live.update(kind=Kind.ALLOCATION, reference=reference, expires_at=until))


def _close(reservations: list[Reservation], state: State) -> None:
    if reservations:
        Reservation.objects.open().filter(pk__in=[reservation.pk for reservation in reservations]).update(state=state)


def _give_back(reservations: list[Reservation], state: State) -> None:
    _close(reservations, state)
    _apply(Change(r.sku, r.warehouse_id, reserved=-r.quantity) for r in reservations)


def _move(
    item: StockItem, kind: StockMovement.Kind, quantity: int, *, reason: str, actor: str, key: str | None = None
) -> None:
    if not quantity:
        return
    movement = {
        "sku": item.sku,
        "warehouse_id": item.warehouse_id,
        "kind": kind,
        "quantity": quantity,
        "reason": reason,
        "actor": actor,
    }
    # Both or none, also for a caller who catches the error and goes on.
    try:
        with transaction.atomic():
            if key is None:
                StockMovement.objects.create(**movement)
            elif not StockMovement.objects.get_or_create(idempotency_key=key, defaults=movement)[1]:
                return
            _apply([Change(item.sku, item.warehouse_id, on_hand=quantity)])
    except IntegrityError as error:
        raise StockBelowZero from error
    except DataError as error:
        raise TooManyUnits from error


def _tell_low(skus: list[str], at: datetime) -> None:
    outbox.publish("stock.low", key=f"stock.low:{skus[0]}:{at.isoformat()}", payload={"skus": skus})


def _require_transaction() -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("stock changes need the transaction of what they belong to")
