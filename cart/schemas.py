from datetime import datetime

from pydantic import Field, model_validator

from shop.api import Answer, Body, Line, Quantity
from shop.money import to_number

from .queries import CartLine, CartView


class AddItemBody(Body):
    """Names the article by one of three ids; a product with several variants needs `variantId` or `sku`."""

    product_id: Line | None = None
    variant_id: Line | None = None
    sku: Line | None = None
    quantity: Quantity = 1

    @model_validator(mode="after")
    def names_an_article(self) -> "AddItemBody":
        if not (self.product_id or self.variant_id or self.sku):
            raise ValueError("Give productId, variantId or sku.")
        return self


class QuantityBody(Body):
    quantity: Quantity


class CartItemAnswer(Answer):
    item_id: str
    product_id: str
    variant_id: str
    sku: str
    name: str
    price: float
    quantity: int
    subtotal: float
    added_at: datetime
    held_until: datetime | None

    @classmethod
    def of(cls, line: CartLine) -> "CartItemAnswer":
        currency = line.variant.currency
        return cls(
            item_id=line.item_id,
            product_id=line.variant.product.public_id,
            variant_id=line.variant.public_id,
            sku=line.sku,
            name=f"{line.name}, {line.label}" if line.label else line.name,
            price=to_number(line.unit_price_minor, currency),
            quantity=line.quantity,
            subtotal=to_number(line.subtotal_minor, currency),
            added_at=line.added_at,
            held_until=line.held_until,
        )


class CartAnswer(Answer):
    cart_id: str | None = Field(description="A guest's credential for this cart: keep it secret.")
    user_id: str | None
    items: list[CartItemAnswer]
    total: float
    item_count: int
    currency: str
    version: int
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, cart: CartView, *, user_id: str | None, currency: str) -> "CartAnswer":
        snapshot = cart.snapshot
        return cls(
            cart_id=snapshot.public_id if snapshot else None,
            user_id=user_id,
            items=[CartItemAnswer.of(line) for line in cart.lines],
            total=to_number(cart.subtotal_minor, currency),
            item_count=cart.item_count,
            currency=currency,
            version=snapshot.version if snapshot else 0,
            created_at=snapshot.created_at if snapshot else None,
            updated_at=snapshot.updated_at if snapshot else None,
        )
