"""The specification's own examples, sent literally: each key and value of its answers is in ours."""

import json
import re
from typing import Any

import pytest

from accounts.models import User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory, grant
from catalog.tests.factories import CategoryFactory

from .compare import differences, golden, parse
from .specification import ADD_TO_CART, ADDED_TO_CART, CREATE_PRODUCT, PRODUCT_CREATED
from .world import ADDRESS, PERMISSIONS, data


def example(text: str) -> Any:
    """An example's answer, its ids and times as patterns."""
    text = re.sub(r'"(prod|cart|user|item)_\d+"', r'"<\1>"', text)
    return json.loads(re.sub(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"', '"<time>"', text))


@pytest.fixture
def staff(db: None) -> ApiClient:
    CategoryFactory.create(name="Electronics")
    return ApiClient.of(StaffFactory.create(permissions=["catalog.add_product"]))


def test_create_product(staff: ApiClient) -> None:
    answer = staff.post("/products", CREATE_PRODUCT)
    assert answer.status_code == 201
    assert differences(example(PRODUCT_CREATED), parse(answer.content), may_add=True) == []
    assert differences(golden("create_product_of_the_specification"), parse(answer.content)) == []


def test_add_to_cart(staff: ApiClient, customer: User, customer_api: ApiClient) -> None:
    product = data(staff.post("/products", CREATE_PRODUCT))
    body = ADD_TO_CART.replace("prod_123", product["productId"])
    answer = customer_api.post(f"/cart/{customer.public_id}/items", body)
    assert answer.status_code == 200
    assert differences(example(ADDED_TO_CART), parse(answer.content), may_add=True) == []
    cart = answer.json()["data"]
    assert (cart["userId"], cart["items"][0]["productId"]) == (customer.public_id, product["productId"])


def test_health(db: None, client: Any) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert differences(golden("health"), parse(answer.content)) == []


@pytest.mark.django_db(transaction=True)
def test_from_an_empty_shop_to_a_delivered_order() -> None:
    """Only what the API itself answered is used on the way."""
    guest = ApiClient()
    CategoryFactory.create(name="Electronics")
    owner = signed_up(guest, "owner@example.com")
    # The one thing that no API gives: rights.
    User.objects.filter(public_id=owner["userId"]).update(is_staff=True)
    grant(User.objects.get(public_id=owner["userId"]), *PERMISSIONS)
    staff = signed_in(guest, "owner@example.com")
    product = data(staff.post("/products", CREATE_PRODUCT))
    assert data(guest.get("/products/search?q=headphones"))[0]["productId"] == product["productId"]

    user = signed_up(guest, "anna@example.com")["userId"]
    anna = signed_in(guest, "anna@example.com")
    cart = data(anna.post(f"/cart/{user}/items", ADD_TO_CART.replace("prod_123", product["productId"])))
    item = cart["items"][0]["itemId"]
    cart = data(anna.put(f"/cart/{user}/items/{item}", {"quantity": 3}))
    assert (cart["total"], cart["itemCount"]) == (599.97, 3)
    assert data(guest.get(f"/products/{product['productId']}"))["stock"] == 97

    body = {
        "userId": user,
        "shippingAddress": ADDRESS,
        "billingAddress": ADDRESS,
        "paymentMethod": "cod",
        "expectedTotal": cart["total"],
    }
    order = data(anna.post("/orders", body))
    assert (order["status"], order["total"]) == ("confirmed", 599.97)
    assert data(anna.get(f"/cart/{user}"))["items"] == []
    assert [row["orderId"] for row in data(anna.get(f"/orders/user/{user}"))] == [order["orderId"]]
    assert data(anna.get(f"/users/{user}/orders")) == data(anna.get(f"/orders/user/{user}"))

    for status in ("shipped", "delivered"):
        assert data(staff.put(f"/orders/{order['orderId']}/status", {"status": status}))["status"] == status
    assert data(anna.get(f"/orders/{order['orderId']}"))["fulfillmentStatus"] == "fulfilled"
    assert anna.post(f"/orders/{order['orderId']}/cancel").status_code == 409
    assert data(guest.get(f"/products/{product['productId']}"))["inventory"]["quantity"] == 97


def signed_up(api: ApiClient, email: str) -> Any:
    return data(api.post("/users/register", {"email": email, "password": "a fine long passphrase"}))


def signed_in(api: ApiClient, email: str) -> ApiClient:
    return ApiClient(data(api.post("/users/login", {"email": email, "password": "a fine long passphrase"}))["token"])
