from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from inventory import operations
from inventory.invariants import INVARIANTS
from inventory.models import Reservation, StockItem
from shop.invariants import verify

LATER = timedelta(minutes=15)


def stocked(sku: str, quantity: int, **rules: int) -> StockItem:
    """A SKU with units on the shelf, that never counts as low unless `low_stock_threshold` says so."""
    with transaction.atomic():
        item = operations.ensure_item(sku)
        StockItem.objects.filter(pk=item.pk).update(**{"low_stock_threshold": 0, **rules})
        if quantity:
            operations.receive(sku, quantity, reason="delivery", actor="user_staff")
    item.refresh_from_db()
    return item


def counters(sku: str = "MUG") -> tuple[int, int, int, int]:
    """on_hand, reserved, shortfall, available."""
    item = StockItem.objects.get(sku=sku)
    return item.on_hand, item.reserved, item.shortfall, item.available


def reservations(**of: Any) -> list[tuple[str, str, int, str, str]]:
    rows = Reservation.objects.filter(**of).order_by("id")
    return list(rows.values_list("reference", "sku", "quantity", "kind", "state"))


@transaction.atomic
def hold(reference: str, *, minutes: int = 15, **quantities: int) -> None:
    operations.hold(reference, quantities, until=timezone.now() + timedelta(minutes=minutes))


@transaction.atomic
def allocate(hold_reference: str, reference: str, **quantities: int) -> None:
    operations.allocate(hold_reference, reference, quantities, until=timezone.now() + LATER)


@transaction.atomic
def secure(reference: str, **quantities: int) -> None:
    operations.secure(reference, quantities)


@transaction.atomic
def release(reference: str) -> None:
    operations.release(reference)


@transaction.atomic
def ship(reference: str) -> None:
    operations.ship(reference, actor="user_staff")


def broken() -> dict[str, list[dict[str, Any]]]:
    """Offending rows by invariant of stock: the bags and sales of these tests are nobody's cart or order."""
    findings = [finding for finding in verify() if finding.invariant in INVARIANTS]
    return {finding.invariant.code: finding.rows for finding in findings if finding.rows}


def together(count: int, job: Callable[[int], object]) -> list[object]:
    """Runs `job(number)` in `count` threads that begin at once; their answers or exceptions."""
    barrier, results = Barrier(count), list[object]()

    def run(number: int) -> None:
        barrier.wait()
        try:
            results.append(job(number))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
