from typing import Annotated, Literal

from pydantic import Field

from accounts.schemas import AddressBody, Email, Phone
from orders.schemas import OrderAnswer
from payments.schemas import PaymentAnswer
from shop.api import Body, Line, Price


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


class PlacedOrderAnswer(OrderAnswer):
    payment: PaymentAnswer
    order_token: str | None = Field(None, description="A guest's credential for this order.")
