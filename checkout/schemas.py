from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from accounts.schemas import AddressBody, Email, Phone, known_country
from orders.schemas import EstimatedDelivery, OrderAnswer
from payments.schemas import PaymentAnswer
from shipping.queries import Option
from shop.api import Answer, Body, Line, Price
from shop.money import MAX_MINOR, to_number

from .edits import Outcome

Country = Annotated[str, AfterValidator(known_country)]


class PlaceOrderBody(Body):
    """Guests name their cart and their e-mail; for a signed-in buyer both are known."""

    user_id: Line | None = None
    cart_id: Annotated[Line, Field(max_length=40)] | None = None
    email: Email | None = None
    phone: Phone = ""
    shipping_address: AddressBody
    billing_address: AddressBody | None = None
    payment_method: Literal["stripe", "invoice", "cod"]
    shipping_method: Line = Field("", description="Code of a way to deliver; the cheapest when left out.")
    coupon_code: Annotated[Line, Field(max_length=64)] = Field(
        "", description="A code to use besides those of the cart. 409 if it takes nothing off."
    )
    expected_total: Price | None = Field(
        None, description="The total that the buyer agreed to. When it holds no more, 409 `price_changed`."
    )


class EditItem(Body):
    sku: Annotated[Line, Field(min_length=1, max_length=64)]
    quantity: Annotated[int, Field(ge=0, le=10_000)] = Field(description="What it shall be; 0 takes it off.")


class EditPreviewBody(Body):
    """What shall be different. Articles that are not named stay as they are, and so does an address left out."""

    items: Annotated[list[EditItem], Field(max_length=100)] = Field(default_factory=list)
    shipping_address: AddressBody | None = None

    @property
    def quantities(self) -> dict[str, int]:
        return {item.sku: item.quantity for item in self.items}


class EditBody(EditPreviewBody):
    expected_difference_minor: Annotated[int, Field(ge=-MAX_MINOR, le=MAX_MINOR)] = Field(
        description="`differenceMinor` of the preview. When it holds no more, 409 `price_changed`."
    )


class EditedLineAnswer(Answer):
    sku: str
    name: str
    price: float
    quantity_before: int
    quantity: int


class EditAnswer(Answer):
    """`difference` is still to pay, or goes back where it is below 0."""

    order_id: str
    items: list[EditedLineAnswer]
    total: float
    total_minor: int
    difference: float
    difference_minor: int
    currency: str

    @classmethod
    def of(cls, outcome: Outcome) -> "EditAnswer":
        currency = outcome.order.currency
        return cls(
            order_id=outcome.order.public_id,
            items=[
                EditedLineAnswer(
                    sku=line.sku,
                    name=line.name,
                    price=to_number(line.unit_price_minor, currency),
                    quantity_before=line.before,
                    quantity=line.after,
                )
                for line in outcome.lines
            ],
            total=to_number(outcome.total_minor, currency),
            total_minor=outcome.total_minor,
            difference=to_number(outcome.difference_minor, currency),
            difference_minor=outcome.difference_minor,
            currency=currency,
        )


class EditedOrderAnswer(EditAnswer):
    order: OrderAnswer
    payment: PaymentAnswer


class DeliveryQuery(Body):
    """Where the goods would go, and which: a cart's, or some units of one article."""

    country: Country | None = Field(None, description="Two-letter code; the shop's own when left out.")
    region: Annotated[Line, Field(max_length=120)] = ""
    postal_code: Annotated[Line, Field(max_length=20)] = ""
    cart_id: Annotated[Line, Field(max_length=40)] | None = Field(None, description="The caller's own when left out.")
    sku: Annotated[Line, Field(max_length=64)] | None = Field(None, description="This article instead of a cart.")
    quantity: Annotated[int, Field(ge=1, le=10_000)] = 1


class DeliveryOptionAnswer(Answer):
    code: str
    name: str
    kind: Literal["delivery", "pickup"]
    price: float
    price_minor: int
    currency: str
    free_from: float | None = Field(description="Value of goods from which it costs nothing.")
    estimated_delivery: EstimatedDelivery
    order_by: datetime | None = Field(description="Until when the estimate holds; null: until midnight.")
    pickup_address: str

    @classmethod
    def of(cls, option: Option, currency: str) -> "DeliveryOptionAnswer":
        method = option.method
        free_from = method.free_from_minor
        return cls(
            code=option.code,
            name=option.name,
            kind="pickup" if method.is_pickup else "delivery",
            price=to_number(option.price_minor, currency),
            price_minor=option.price_minor,
            currency=currency,
            free_from=None if free_from is None else to_number(free_from, currency),
            estimated_delivery=EstimatedDelivery(first=option.first, last=option.last),
            order_by=order_by.astimezone(UTC) if (order_by := option.estimate.order_by) else None,
            pickup_address=option.pickup_address,
        )


class PlacedOrderAnswer(OrderAnswer):
    payment: PaymentAnswer
    order_token: str | None = Field(None, description="A guest's credential for this order.")
