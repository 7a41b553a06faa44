from datetime import datetime
from typing import Annotated

from pydantic import Field, StrictInt, model_validator

from shop.api import Answer, Body

from .models import StockItem

Units = Annotated[StrictInt, Field(ge=0, le=10**9)]


class InventoryBody(Body):
    """What is left out stays as it is."""

    quantity: Units | None = Field(None, description="Units counted on the shelf, those promised to buyers included.")
    low_stock_threshold: Units | None = None

    @model_validator(mode="after")
    def changes_something(self) -> "InventoryBody":
        if self.quantity is None and self.low_stock_threshold is None:
            raise ValueError("Give quantity or lowStockThreshold.")
        return self


class InventoryAnswer(Answer):
    sku: str
    quantity: int
    reserved: int
    available: int
    low_stock_threshold: int
    last_updated: datetime

    @classmethod
    def of(cls, item: StockItem) -> "InventoryAnswer":
        return cls(
            sku=item.sku,
            quantity=item.on_hand,
            reserved=item.reserved,
            available=item.available,
            low_stock_threshold=item.low_stock_threshold,
            last_updated=item.updated_at,
        )
