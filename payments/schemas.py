from datetime import datetime
from decimal import Decimal
from typing import Annotated

from ninja import Field
from pydantic import model_validator

from shop.api import Answer, Body, Line, Price, Quantity
from shop.money import to_number

from .models import Payment, Refund


class PaymentAnswer(Answer):
    """What the client does next: sends the buyer to `redirectUrl` while there is one."""

    provider: str
    status: str
    redirect_url: str | None = None
    client_secret: str | None = None

    @classmethod
    def of(cls, payment: Payment) -> "PaymentAnswer":
        redirect_url = None if payment.is_settled else payment.redirect_url or None
        return cls(provider=payment.provider, status=payment.status, redirect_url=redirect_url)


class RefundItemBody(Body):
    item_id: Annotated[Line, Field(min_length=1, max_length=80)]
    quantity: Quantity


class RefundBody(Body):
    """Either units and delivery, or an amount."""

    items: Annotated[list[RefundItemBody], Field(max_length=500)] = []
    shipping: Price = Field(Decimal(0), description="How much of the delivery's price.")
    amount: Price | None = Field(
        None, description="An amount that is no unit's price, spread over what is left of the order."
    )
    restock: bool = Field(False, description="The units have come back and are sold again.")
    reason: Annotated[Line, Field(min_length=1, max_length=60)] = "refunded by staff"

    @model_validator(mode="after")
    def _one_of_them(self) -> "RefundBody":
        if self.amount is not None and (self.items or self.shipping or self.restock):
            raise ValueError("An amount goes alone.")
        if self.amount is None and not (self.items or self.shipping):
            raise ValueError("Name items, shipping or an amount.")
        return self


class RefundItemAnswer(Answer):
    item_id: str
    quantity: int = Field(description="0 where an amount was given back, not a unit.")
    net: float
    tax: float
    total: float


class RefundAnswer(Answer):
    refund_id: str
    payment_id: str
    kind: str = Field(description="`lines`, `amount`, or `undivided` for money that is nothing of the order.")
    status: str
    currency: str
    amount: float
    amount_minor: int
    shipping: float
    shipping_tax: float
    reason: str
    items: list[RefundItemAnswer]
    created_at: datetime

    @classmethod
    def of(cls, refund: Refund) -> "RefundAnswer":
        currency = refund.payment.currency
        return cls(
            refund_id=refund.public_id,
            payment_id=refund.payment.public_id,
            kind=refund.kind,
            status=refund.status,
            currency=currency,
            amount=to_number(refund.amount_minor, currency),
            amount_minor=refund.amount_minor,
            shipping=to_number(refund.shipping_net_minor + refund.shipping_tax_minor, currency),
            shipping_tax=to_number(refund.shipping_tax_minor, currency),
            reason=refund.reason,
            items=[
                RefundItemAnswer(
                    item_id=line.order_line.public_id,
                    quantity=line.quantity,
                    net=to_number(line.net_minor, currency),
                    tax=to_number(line.tax_minor, currency),
                    total=to_number(line.gross_minor, currency),
                )
                for line in refund.lines.all()
            ],
            created_at=refund.created_at,
        )
