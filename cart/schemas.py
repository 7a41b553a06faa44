from datetime import datetime
from typing import Annotated

from pydantic import Field, model_validator

from pricing.operations import Evaluation, Rejected
from pricing.schemas import DiscountAnswer
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


class CouponBody(Body):
    code: Annotated[Line, Field(min_length=1, max_length=64)]


class RejectedCouponAnswer(Answer):
    code: str
    reason: str = Field(description="For programs: `not_started`, `ended`, `used_up`, `min_goods` and so on.")
    message: str = Field(description="For people.")

    @classmethod
    def of(cls, rejected: Rejected) -> "RejectedCouponAnswer":
        return cls(code=rejected.code, reason=rejected.reason, message=rejected.message)


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
    total: float = Field(description="What the goods cost after discounts, without the delivery.")
    coupon_codes: list[str]
    discounts: list[DiscountAnswer]
    discount_total: float = Field(description="What is off the goods.")
    rejected_coupons: list[RejectedCouponAnswer] = Field(
        description="Codes in the cart that take nothing off, and why."
    )
    item_count: int
    currency: str
    version: int
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, cart: CartView, off: Evaluation, *, user_id: str | None, currency: str) -> "CartAnswer":
        snapshot = cart.snapshot
        return cls(
            cart_id=snapshot.public_id if snapshot else None,
            user_id=user_id,
            items=[CartItemAnswer.of(line) for line in cart.lines],
            total=to_number(cart.subtotal_minor - off.discount_minor, currency),
            coupon_codes=cart.coupon_codes,
            discounts=[DiscountAnswer.of(applied, currency) for applied in off.applied],
            discount_total=to_number(off.discount_minor, currency),
            rejected_coupons=[RejectedCouponAnswer.of(rejected) for rejected in off.refused_codes],
            item_count=cart.item_count,
            currency=currency,
            version=snapshot.version if snapshot else 0,
            created_at=snapshot.created_at if snapshot else None,
            updated_at=snapshot.updated_at if snapshot else None,
        )
