"""`Idempotency-Key` at every endpoint that creates: once, the same answer again, and nobody else's."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import operations as accounts
from accounts.models import ApiToken, User
from accounts.tests.clients import ApiClient
from catalog.models import Product
from checkout.tests.factories import make_variant
from shop.models import IdempotencyKey

pytestmark = pytest.mark.django_db


def described() -> set[str]:
    return {
        f"{method.upper()} {path}"
        for path, methods in ApiClient().get("/openapi.json").json()["paths"].items()
        for method, operation in methods.items()
        if "Idempotency-Key" in {item["name"] for item in operation.get("parameters", [])}
    }


def test_what_creates_or_pays_takes_a_key() -> None:
    assert described() >= {
        "POST /api/products",
        "POST /api/orders",
        "POST /api/cart/{user_id}/items",
        "POST /api/users/{user_id}/tokens",
        "POST /api/users/{user_id}/tokens/{token_id}/rotate",
        "POST /api/products/{product_id}/reviews",
    }


def twice(api: ApiClient, path: str, body: Any, key: str = "wish") -> Any:
    first, again = (api.post(path, body, idempotency_key=key) for _ in range(2))
    assert first.status_code in {200, 201}, first.content
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again["Idempotent-Replayed"] == "true"
    assert again["Cache-Control"] and "public" not in again["Cache-Control"]
    other = api.post(path, body | {"name": "Other", "quantity": 7}, idempotency_key=key)
    assert other.status_code in {400, 422}
    return first.json()["data"]


def test_units_are_added_once(api: ApiClient, customer: User, customer_api: ApiClient) -> None:
    variant = make_variant(stock=20)
    body = {"sku": variant.sku, "quantity": 2}
    assert twice(customer_api, "/cart/me/items", body)["itemCount"] == 2
    guest = api.post("/cart/me/items", body).json()["data"]["cartId"]
    assert twice(api, f"/cart/{guest}/items", body)["itemCount"] == 4
    # Who has no cart yet has no key either: each begins one.
    begun = [api.post("/cart/me/items", body, idempotency_key="wish").json()["data"]["cartId"] for _ in range(2)]
    assert len({guest, *begun}) == 3


def test_a_product_is_made_once(admin_api: ApiClient) -> None:
    twice(admin_api, "/products", {"name": "Mug", "price": 1, "sku": "M-1", "category": "Kitchen"})
    assert Product.objects.count() == 1


def test_a_token_is_made_once_and_its_secret_is_answered_to_its_maker_alone(customer: User) -> None:
    whole, reader = (ApiClient(accounts.issue_token(customer, "test", timezone.now())[1]) for _ in range(2))
    before = ApiToken.objects.count()
    body = {"name": "Till", "scopes": ["orders:read"]}
    made = twice(whole, "/users/me/tokens", body)
    assert ApiToken.objects.count() == before + 1
    # The same person with another credential has keys of their own.
    other = reader.post("/users/me/tokens", body, idempotency_key="wish")
    assert other.status_code == 201
    assert other.json()["data"]["token"] != made["token"]


def test_a_token_is_rotated_once(customer_api: ApiClient) -> None:
    made = customer_api.post("/users/me/tokens", {"name": "Till", "scopes": ["orders:read"]}).json()["data"]
    before = ApiToken.objects.count()
    twice(customer_api, f"/users/me/tokens/{made['tokenId']}/rotate", {}, key="turn")
    assert ApiToken.objects.count() == before + 1


def test_a_claim_whose_server_died_is_taken_over(customer_api: ApiClient) -> None:
    body = {"sku": make_variant(stock=20).sku, "quantity": 2}
    customer_api.post("/cart/me/items", body, idempotency_key="wish")
    claims = IdempotencyKey.objects
    claims.update(status=None, body=None, lease_until=timezone.now() + timedelta(seconds=30))
    waiting = customer_api.post("/cart/me/items", body, idempotency_key="wish")
    assert (waiting.status_code, waiting.json()["code"], waiting["Retry-After"]) == (409, "in_flight", "2")
    claims.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert customer_api.post("/cart/me/items", body, idempotency_key="wish").status_code == 200
