"""Units promised to carts and orders, until they leave or come back."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from django.db import IntegrityError, connection, transaction
from django.db.models import F

from inventory.errors import NotPromised, StockBelowZero
from inventory.models import Reservation, ReservationQuerySet, StockMovement
from shop import failpoints

from .counters import Change, apply, require_transaction
from .spread import Parts, choose

SWEEP_BATCH = 200
Kind: TypeAlias = Reservation.Kind
State: TypeAlias = Reservation.State


def hold(reference: str, quantities: Mapping[str, int], *, until: datetime) -> None:
    """Makes the open holds of `reference` exactly `quantities` for the SKUs named; 0 gives the units back.

    All or nothing: InsufficientStock for the first SKU that can't be promised. A hold that has run out but was not
    swept yet still owns its units and is revived.
    Locks: the reference's reservations, then stock rows by SKU and warehouse.
    """
    require_transaction()
    mine = _locked(Reservation.objects.open().holds().filter(reference=reference, sku__in=quantities))
    _promise(reference, mine, quantities, kind=Kind.HOLD, until=until, moves=True)


def allocate(hold_reference: str, reference: str, quantities: Mapping[str, int], *, until: datetime | None) -> None:
    """Promises `quantities` to `reference`: live holds of `hold_reference` become allocations, the rest is new.

    All or nothing: InsufficientStock. Afterwards `hold_reference` holds nothing.
    Locks: the reservations of `hold_reference`, then stock rows by SKU and warehouse.
    """
    require_transaction()
    holds = _locked(Reservation.objects.open().holds().filter(reference=hold_reference))
    taken = _convert([hold for hold in holds if quantities.get(hold.sku)], reference, until)
    # Run out, or of something that the order leaves out: its units return, and may be taken again at once.
    left = [hold for hold in holds if hold not in taken]
    _close(left, State.EXPIRED)
    _promise(reference, taken, quantities, kind=Kind.ALLOCATION, until=until, freed=_returning(left))


def secure(reference: str, quantities: Mapping[str, int]) -> None:
    """Makes the allocations of a paid order last until they are shipped, reserving anew what has meanwhile gone.

    All or nothing: InsufficientStock. Locks: the order's reservations, then stock rows by SKU and warehouse.
    """
    require_transaction()
    mine = _locked(Reservation.objects.open().allocations().filter(reference=reference))
    _promise(reference, mine, _units(mine) | Counter(quantities), kind=Kind.ALLOCATION, until=None)


def allocate_more(reference: str, quantities: Mapping[str, int]) -> None:
    """Promises `quantities` to an order beside what it has open, all of it until shipped: for what has to leave twice.

    All or nothing: InsufficientStock. Locks: the order's reservations, then stock rows by SKU and warehouse.
    """
    require_transaction()
    mine = _locked(Reservation.objects.open().allocations().filter(reference=reference, sku__in=quantities))
    _promise(reference, mine, _units(mine) + Counter(quantities), kind=Kind.ALLOCATION, until=None)


def reallocate(reference: str, quantities: Mapping[str, int], *, until: datetime | None) -> None:
    """Makes the open allocations of an order exactly `quantities`, and nothing of other SKUs: for order edits.

    What stays promised stays where it is. All or nothing: InsufficientStock.
    Locks: the order's reservations, then stock rows by SKU and warehouse.
    """
    require_transaction()
    mine = _locked(Reservation.objects.open().allocations().filter(reference=reference))
    wanted = dict.fromkeys(_units(mine), 0) | dict(quantities)
    _promise(reference, mine, wanted, kind=Kind.ALLOCATION, until=until)


def extend(reference: str, *, until: datetime) -> None:
    """Lets the open reservations of `reference` that have an end run until then, never shorter than before."""
    Reservation.objects.open().filter(reference=reference, expires_at__lt=until).update(expires_at=until)


def take_over(source: str, reference: str, quantities: Mapping[str, int], *, until: datetime) -> set[str]:
    """Gives back all that `source` holds and makes the holds of `reference` exactly `quantities`, in one pass.

    A SKU that can't be held in full is held no more at all; those are answered. One pass, since who changed the stock
    of one reference after the other's would come back to articles behind those that it has locked already.
    Locks: the reservations of both, then stock rows by SKU and warehouse.
    """
    require_transaction()
    held = _locked(Reservation.objects.open().holds().filter(reference__in=[source, reference]))
    theirs = [hold for hold in held if hold.reference == source]
    mine = [hold for hold in held if hold.reference == reference and hold.sku in quantities]
    _close(theirs, State.RELEASED)
    freed = _returning(theirs)
    return _promise(reference, mine, quantities, kind=Kind.HOLD, until=until, freed=freed, moves=True, partly=True)


def release(reference: str, quantities: Mapping[str, int] | None = None) -> None:
    """Gives back what is promised to `reference`: everything, nothing the second time; or just `quantities` of it.

    Raises NotPromised for more than is promised; then nothing has changed.
    Locks: the reference's open reservations, then stock rows by SKU and warehouse.
    """
    require_transaction()
    mine = _locked(Reservation.objects.open().filter(reference=reference))
    if quantities is None:
        _give_back(mine, State.RELEASED)
    else:
        apply(_returning(_split(mine, quantities, State.RELEASED)))


def release_expired(now: datetime) -> int:
    """Gives back every hold that ran out, in batches; returns how many. Holds that somebody is using are passed over.

    Allocations of unpaid orders are not swept here: their order asks its payment provider first.
    """
    released = 0
    while True:
        with transaction.atomic():
            expired = Reservation.objects.open().holds().filter(expires_at__lte=now).order_by("sku", "id")
            batch = _idle(expired)
            _give_back(batch, State.EXPIRED)
            failpoints.reach("holds.swept_before_commit")
        released += len(batch)
        if len(batch) < SWEEP_BATCH:
            return released


def ship(reference: str, *, actor: str, quantities: Mapping[str, int] | None = None) -> None:
    """Takes what is allocated to `reference` off the shelf: everything, or just `quantities` of it.

    Raises NotPromised for more than is allocated, StockBelowZero for what is not on the shelf; both change nothing.
    Locks: its reservations, then stock rows by SKU and warehouse.
    """
    require_transaction()
    mine = _locked(Reservation.objects.open().allocations().filter(reference=reference))
    try:
        with transaction.atomic():
            leaving = _split(mine, _units(mine) if quantities is None else quantities, State.FULFILLED)
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
                for allocation in leaving
            )
            apply(Change(a.sku, a.warehouse_id, on_hand=-a.quantity, reserved=-a.quantity) for a in leaving)
    except IntegrityError as error:
        raise StockBelowZero("What is to be shipped is not on the shelf. Count it first.") from error


# --- How


def _promise(
    reference: str,
    mine: list[Reservation],
    wanted: Mapping[str, int],
    *,
    kind: Kind,
    until: datetime | None,
    freed: Iterable[Change] = (),
    moves: bool = False,
    partly: bool = False,
) -> set[str]:
    """Makes `mine`, the locked reservations of `reference`, exactly `wanted`, and carries out what was `freed` before.

    A line that grows takes what it lacks from where there is enough; one that `moves` is placed anew as a whole. One
    that shrinks gives back where it would be taken last. `partly` gives back what can't be had in full, instead of
    refusing everything, and answers those SKUs.
    """
    freed = list(freed)
    changes = list(freed)
    held: dict[str, dict[int, Reservation]] = defaultdict(dict)
    for reservation in mine:
        held[reservation.sku][reservation.warehouse_id] = reservation
    kept = {sku: _keep(list(held[sku].values()), quantity, moves=moves) for sku, quantity in wanted.items()}
    returning = [
        Change(sku, warehouse, reserved=kept[sku].get(warehouse, 0) - reservation.quantity)
        for sku in wanted
        for warehouse, reservation in held[sku].items()
    ]
    missing = {sku: quantity - sum(kept[sku].values()) for sku, quantity in wanted.items()}
    chosen = choose(missing, [*changes, *returning], partly=partly)
    parts = {sku: Counter(kept[sku]) + Counter(chosen.get(sku, {})) for sku in wanted}
    refused = {sku for sku, quantity in wanted.items() if parts[sku].total() < quantity}
    refusals = {sku: _difference(sku, held[sku], {}) for sku in wanted}
    for sku in wanted:
        changes += refusals[sku] if sku in refused else _difference(sku, held[sku], parts[sku])
    if partly:
        for change in freed:
            refusals.setdefault(change.sku, []).append(change)
        refused |= apply(changes, otherwise=refusals)
    # Otherwise stock comes last: nobody waits for its row while the reservations are written.
    for sku in wanted:
        _write(reference, sku, held[sku], {} if sku in refused else parts[sku], kind=kind, until=until)
    if not partly:
        apply(changes)
    return refused


def _difference(sku: str, held: Mapping[int, Reservation], parts: Mapping[int, int]) -> list[Change]:
    before = {warehouse: reservation.quantity for warehouse, reservation in held.items()}
    return [
        Change(sku, warehouse, reserved=parts.get(warehouse, 0) - before.get(warehouse, 0))
        for warehouse in {*parts, *before}
    ]


def _keep(reservations: list[Reservation], quantity: int, *, moves: bool) -> Parts:
    """What stays where it is of reservations that are to be `quantity` together."""
    if moves and sum(reservation.quantity for reservation in reservations) < quantity:
        return {}
    kept = {}
    for reservation in reservations:
        if units := min(reservation.quantity, quantity):
            kept[reservation.warehouse_id] = units
            quantity -= units
    return kept


def _write(
    reference: str,
    sku: str,
    held: Mapping[int, Reservation],
    parts: Mapping[int, int],
    *,
    kind: Kind,
    until: datetime | None,
) -> None:
    _close([reservation for warehouse, reservation in held.items() if not parts.get(warehouse)], State.RELEASED)
    for warehouse, quantity in parts.items():
        if current := held.get(warehouse):
            if (current.quantity, current.expires_at) != (quantity, until):
                Reservation.objects.open().filter(pk=current.pk).update(quantity=quantity, expires_at=until)
        else:
            Reservation.objects.create(
                reference=reference, sku=sku, warehouse_id=warehouse, quantity=quantity, kind=kind, expires_at=until
            )


CONVERT = """
UPDATE inventory_reservation SET kind = 'allocation', reference = %s, expires_at = %s
WHERE id = ANY(%s) AND state = 'open' AND expires_at > statement_timestamp()
RETURNING id
"""


def _convert(holds: list[Reservation], reference: str, until: datetime | None) -> list[Reservation]:
    """Compare-and-set, by the database's clock: a hold that has run out is nobody's any more. Answers the others."""
    with connection.cursor() as cursor:
        cursor.execute(CONVERT, [reference, until, [hold.pk for hold in holds]])
        found = {row[0] for row in cursor.fetchall()}
    taken = [hold for hold in holds if hold.pk in found]
    for hold in taken:
        hold.expires_at = until  # so that nobody writes it once more
    return taken


def _split(mine: list[Reservation], quantities: Mapping[str, int], state: State) -> list[Reservation]:
    """Lets `quantities` of `mine` leave `open`; what is left of a reservation stays open. Answers what left.

    Raises NotPromised.
    """
    missing = Counter(quantities)
    whole, parts = [], []
    for reservation in mine:
        units = min(reservation.quantity, missing[reservation.sku])
        missing[reservation.sku] -= units
        if units == reservation.quantity:
            whole.append(reservation)
        elif units:
            parts.append((reservation, units))
    if lacking := next((sku for sku in sorted(missing) if missing[sku] > 0), None):
        raise NotPromised(lacking, quantities[lacking] - missing[lacking])
    _close(whole, state)
    return whole + [_part(reservation, units, state) for reservation, units in parts]


def _part(reservation: Reservation, units: int, state: State) -> Reservation:
    row = Reservation.objects.open().filter(pk=reservation.pk)
    row.update(quantity=F("quantity") - units)
    return Reservation.objects.create(
        reference=reservation.reference,
        sku=reservation.sku,
        warehouse_id=reservation.warehouse_id,
        quantity=units,
        kind=reservation.kind,
        state=state,
        expires_at=reservation.expires_at,
    )


def _locked(reservations: ReservationQuerySet) -> list[Reservation]:
    """By SKU, then by the warehouse's priority. Every change of a reservation stands behind this lock."""
    mine = reservations.select_for_update(no_key=True, of=("self",))
    return list(mine.order_by("sku", "warehouse__priority", "warehouse_id"))


def _idle(reservations: ReservationQuerySet) -> list[Reservation]:
    return list(reservations.select_for_update(skip_locked=True, no_key=True)[:SWEEP_BATCH])


def _units(reservations: Iterable[Reservation]) -> Counter[str]:
    units: Counter[str] = Counter()
    for reservation in reservations:
        units[reservation.sku] += reservation.quantity
    return units


def _close(reservations: list[Reservation], state: State) -> None:
    if reservations:
        Reservation.objects.open().filter(pk__in=[reservation.pk for reservation in reservations]).update(state=state)


def _returning(reservations: Iterable[Reservation]) -> list[Change]:
    return [Change(r.sku, r.warehouse_id, reserved=-r.quantity) for r in reservations]


def _give_back(reservations: list[Reservation], state: State) -> None:
    _close(reservations, state)
    apply(_returning(reservations))
