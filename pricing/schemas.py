from typing import Protocol

from pydantic import Field

from shop.api import Answer
from shop.money import to_number


class Discount(Protocol):
    """What a promotion takes off, in a bag or in an order."""

    @property
    def name(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def phase(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...


class DiscountAnswer(Answer):
    """What a promotion takes off, under the name that shoppers read."""

    name: str
    code: str | None = Field(description="Of the coupon that opened it.")
    phase: str = Field(description="`line` and `order` lower the goods, `shipping` the delivery.")
    amount: float
    amount_minor: int

    @classmethod
    def of(cls, discount: Discount, currency: str) -> "DiscountAnswer":
        return cls(
            name=discount.name,
            code=discount.code or None,
            phase=discount.phase,
            amount=to_number(discount.amount_minor, currency),
            amount_minor=discount.amount_minor,
        )
