"""A small shop in which every endpoint has something to answer, made through the API itself.

Anna and Ben have an account, a cart and an order each; the guest has a cart and an order. `staff` may do everything
that the API has for staff; `clerk` is staff without any permission,
`holder` a program with the token of the guest's order. One product is the specification's own.
"""

import json
from dataclasses import dataclass
from typing import Any

from accounts.models import User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import AddressFactory, StaffFactory, UserFactory
from catalog.tests.factories import CategoryFactory

from .specification import CREATE_PRODUCT

PERMISSIONS = [
    "catalog.add_product", "catalog.change_product", "catalog.delete_product", "orders.view_order",
    "orders.change_order", "accounts.view_user", "accounts.change_user", "cart.view_cartsnapshot",
]  # fmt: skip
HEADPHONES: dict[str, Any] = json.loads(CREATE_PRODUCT)
MUG: dict[str, Any] = {
    "name": "Harbour mug",
    "description": "Stoneware, 330 ml",
    "price": 24,
    "category": "Kitchen",
    "attributes": {"material": "Stoneware", "dishwasher_safe": True, "height_mm": 95},
    "images": ["https://cdn.example.com/teal.jpg", "https://cdn.example.com/clay.jpg"],
    "variants": [
        {
            "sku": "MUG-T",
            "stock": 5,
            "options": {"color": "Teal"},
            "images": ["https://cdn.example.com/teal.jpg"],
            "barcode": "4006381333931",
            "weightGrams": 420,
        },
        {"sku": "MUG-C", "stock": 3, "price": 22.5, "compareAtPrice": 26, "options": {"color": "Clay"}},
    ],
}
ADDRESS = {
    "fullName": "Anna Byron", "line1": "Lindenallee 7", "line2": "", "city": "Berlin", "region": "",
    "postalCode": "10115", "country": "DE", "phone": "",
}  # fmt: skip


@dataclass(frozen=True)
class Shopper:
    api: ApiClient
    user_id: str
    cart_id: str
    item_id: str
    order_id: str
    order_token: str | None = None


@dataclass(frozen=True)
class World:
    product_id: str
    variant_id: str
    withdrawn_id: str
    anna: Shopper
    ben: Shopper
    guest: Shopper
    staff: ApiClient
    clerk: ApiClient
    nobody: ApiClient
    holder: ApiClient

    def caller(self, name: str) -> ApiClient:
        who = getattr(self, name)
        return who.api if isinstance(who, Shopper) else who


def make_world() -> World:
    CategoryFactory.create(name="Electronics")
    CategoryFactory.create(name="Kitchen")
    staff = ApiClient.of(StaffFactory.create(email="staff@example.com", permissions=PERMISSIONS))
    headphones = data(staff.post("/products", HEADPHONES))
    data(staff.post("/products", MUG))
    withdrawn = data(staff.post("/products", HEADPHONES | {"name": "Wired Headphones", "sku": "WH-000"}))
    data(staff.delete(f"/products/{withdrawn['productId']}"))
    guest = shopper(ApiClient())
    return World(
        product_id=headphones["productId"],
        variant_id=headphones["variants"][0]["variantId"],
        withdrawn_id=withdrawn["productId"],
        anna=customer("anna"),
        ben=customer("ben"),
        guest=guest,
        staff=staff,
        clerk=ApiClient.of(StaffFactory.create(email="clerk@example.com")),
        nobody=ApiClient(),
        holder=ApiClient(guest.order_token or ""),
    )


def customer(name: str) -> Shopper:
    user: User = UserFactory.create(email=f"{name}@example.com", first_name=name.title(), phone="+49 30 901820")
    AddressFactory.create(user=user, full_name=f"{name.title()} Byron")
    return shopper(ApiClient.of(user), user_id=user.public_id)


def shopper(api: ApiClient, user_id: str = "") -> Shopper:
    """Has ordered one pair of headphones and then put two more into the cart."""
    bought = data(api.post("/cart/me/items", {"sku": "WH-001"}))
    order = data(api.post("/orders", order_body(cartId=bought["cartId"])))
    cart = data(api.post("/cart/me/items", {"sku": "WH-001", "quantity": 2}))
    return Shopper(
        api, user_id, cart["cartId"], cart["items"][0]["itemId"], order["orderId"], order_token=order["orderToken"]
    )


def order_body(**values: Any) -> dict[str, Any]:
    return {"email": "guest@example.com", "shippingAddress": ADDRESS, "paymentMethod": "cod"} | values


def data(answer: Any) -> Any:
    assert answer.status_code in {200, 201}, answer.content
    return answer.json()["data"]
