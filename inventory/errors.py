from shop.errors import Conflict


class InsufficientStock(Conflict):
    """`available` is what could be promised at that moment."""

    code = "insufficient_stock"

    def __init__(self, sku: str, available: int) -> None:
        self.sku = sku
        self.available = available
        text = f"Only {available} left of {sku}." if available else f"{sku} is sold out."
        super().__init__(text, fields={"quantity": [text]}, extra={"sku": sku, "available": available})


class TooManyUnits(Conflict):
    code = "too_many_units"
    text = "No shelf holds that many units."


class StockBelowZero(Conflict):
    code = "stock_below_zero"
    text = "The shelf can't hold fewer than no units."


class NotPromised(Conflict):
    """`promised` is what is promised to the cart or order and can still be shipped or given back."""

    code = "not_promised"

    def __init__(self, sku: str, promised: int) -> None:
        self.sku = sku
        self.promised = promised
        super().__init__(f"Only {promised} of {sku} are promised here.", extra={"sku": sku, "promised": promised})


class NotFree(Conflict):
    """`free` is what lies on the shelf and is promised to nobody."""

    code = "not_free"

    def __init__(self, sku: str, free: int) -> None:
        text = f"Only {free} of {sku} are free to move." if free else f"Nothing of {sku} is free to move."
        super().__init__(text, fields={"quantity": [text]}, extra={"sku": sku, "free": free})
