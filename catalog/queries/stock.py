from collections.abc import Iterable
from dataclasses import dataclass

from inventory.models import StockItem


@dataclass(frozen=True, slots=True)
class Stock:
    """Units of one or more SKUs over all warehouses."""

    on_hand: int = 0
    reserved: int = 0
    available: int = 0
    low_stock_threshold: int = 0

    def __add__(self, other: "Stock") -> "Stock":
        return Stock(
            self.on_hand + other.on_hand,
            self.reserved + other.reserved,
            self.available + other.available,
            max(self.low_stock_threshold, other.low_stock_threshold),
        )


def stock_of(skus: Iterable[str]) -> dict[str, Stock]:
    """Stock by SKU in one query; a SKU that no warehouse has is absent."""
    found: dict[str, Stock] = {}
    for item in StockItem.objects.filter(sku__in=list(skus)):
        row = Stock(item.on_hand, item.reserved, item.available, item.low_stock_threshold)
        found[item.sku] = found.get(item.sku, Stock()) + row
    return found


def stock_word(available: int) -> str:
    if not available:
        return "Sold out"
    return f"Only {available} left" if available <= FEW else ""


FEW = 5
