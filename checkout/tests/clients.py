"""A guest who shops through the API."""

from typing import Any

from accounts.tests.clients import ApiClient
from catalog.models import Variant

from .factories import make_variant

ADDRESS = {"fullName": "Ada Byron", "line1": "Lindenallee 7", "postalCode": "10115", "city": "Berlin", "country": "DE"}


def fill_cart(client: ApiClient, *variants: Variant, quantity: int = 2) -> str:
    """The cart's id. A guest's further articles go to the same cart."""
    name = "me"
    for variant in variants or (make_variant(),):
        answer = client.post(f"/cart/{name}/items", {"sku": variant.sku, "quantity": quantity})
        assert answer.status_code == 200, answer.content
        cart_id: str = answer.json()["data"]["cartId"]
        name = name if client.bearer else cart_id
    return cart_id


def order_body(cart_id: str | None = None, **values: Any) -> dict[str, Any]:
    body = {
        "cartId": cart_id,
        "email": "ada@example.com",
        "shippingAddress": ADDRESS,
        "paymentMethod": "cod",
    }
    return {name: value for name, value in (body | values).items() if value is not None}
