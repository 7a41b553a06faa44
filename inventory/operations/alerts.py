"""What staff have to hear of."""

from datetime import datetime

from django.db import transaction

from inventory.models import StockItem
from shop import outbox


def tell_low(skus: list[str], at: datetime) -> None:
    outbox.publish("stock.low", key=f"stock.low:{skus[0]}:{at.isoformat()}", payload={"skus": skus})


def tell_short(sku: str, warehouse_id: int, shortfall: int, at: datetime) -> None:
    """A stock-take found fewer units than are promised: somebody has to decide whose order waits."""
    payload = {"sku": sku, "warehouse_id": warehouse_id, "shortfall": shortfall, "at": at.isoformat()}
    outbox.publish("stock.shortfall", key=f"stock.shortfall:{sku}:{warehouse_id}:{at.isoformat()}", payload=payload)


def sweep_low_stock(now: datetime) -> int:
    """Tells staff of every item at or under its threshold that no crossing has told of; returns how many."""
    with transaction.atomic():
        low = StockItem.objects.low().filter(low_stock_at__isnull=True).order_by("sku", "warehouse_id")
        items = list(low.select_for_update(skip_locked=True, no_key=True)[:500])
        if items:
            StockItem.objects.filter(pk__in=[item.pk for item in items]).update(low_stock_at=now)
            tell_low(list(dict.fromkeys(item.sku for item in items)), now)
    return len(items)
