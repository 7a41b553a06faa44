"""What every answer of the API tells of its limits, and the one that refuses."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.tests.clients import ApiClient
from shop.rate_limits import LIMITS, Limit

pytestmark = pytest.mark.django_db
POLICY = re.compile(r'"(\w+)";q=(\d+);w=(\d+)')
STATE = re.compile(r'"(\w+)";r=(\d+);t=(\d+)')


def tight(monkeypatch: pytest.MonkeyPatch, name: str, burst: int) -> None:
    monkeypatch.setitem(LIMITS, name, Limit(per_minute=burst, burst=burst))


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/products", "read"),
        ("GET", "/products/search?q=mug", "search"),
        ("GET", "/products/prod_none", "read"),
        ("GET", "/users/me", "read"),
        ("POST", "/orders", "write"),
        ("DELETE", "/products/prod_none", "write"),
        # Answered before any view: an address that nothing has, a method that nobody takes.
        ("GET", "/nothing/here", "read"),
        ("PATCH", "/products", "write"),
    ],
)
def test_every_answer_tells_its_class_and_what_is_left(api: ApiClient, method: str, path: str, name: str) -> None:
    answer = api.send(method, path)
    policy, state = POLICY.fullmatch(answer["RateLimit-Policy"]), STATE.fullmatch(answer["RateLimit"])
    assert policy and state
    limit = LIMITS[name]
    assert policy.groups() == (name, str(limit.burst), str(limit.seconds_to_fill))
    assert (state[1], state[2]) == (name, str(limit.burst - 1))


def test_who_asks_too_often_is_told_when_to_come_back(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    tight(monkeypatch, "read", 2)
    assert [api.get("/products").status_code for _ in range(3)] == [200, 200, 429]
    refusal = api.get("/products")
    assert refusal.json()["code"] == "rate_limited"
    assert refusal["Retry-After"] == "30"
    assert refusal["RateLimit"].startswith('"read";r=0;t=')
    # Another class has its own bucket.
    assert api.post("/orders", {}).status_code == 400


def test_people_behind_one_address_have_buckets_of_their_own(
    api: ApiClient, customer_api: ApiClient, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tight(monkeypatch, "read", 2)
    assert [api.get("/users/me").status_code for _ in range(3)] == [401, 401, 429]
    assert [customer_api.get("/users/me").status_code for _ in range(2)] == [200, 200]
    # The same person's session takes from the same bucket.
    assert browser.get("/api/users/me").status_code == 429


@pytest.mark.parametrize("path", ["/nothing/here", "/users/me"])
def test_trying_tokens_and_addresses_is_bounded(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tight(monkeypatch, "read", 2)
    tried = [ApiClient(f"tok_{n}").get(path).status_code for n in range(4)]
    assert tried[2:] == [429, 429]
    assert set(tried[:2]) <= {401, 404}


def test_pages_are_not_counted(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    tight(monkeypatch, "read", 1)
    answers = [client.get("/account/login/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert "RateLimit" not in answers[0]


def test_an_empty_bucket_of_the_endpoint_stands_beside(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "checkout", Limit(per_minute=1, burst=1))
    body = {"email": "a@example.com", "shippingAddress": ADDRESS, "paymentMethod": "cod", "cartId": "cart_none"}
    api.post("/orders", body)
    refusal = api.post("/orders", body)
    assert refusal.status_code == 429
    assert [found[0] for found in POLICY.findall(refusal["RateLimit-Policy"])] == ["write", "checkout"]
    assert [found[:2] for found in STATE.findall(refusal["RateLimit"])] == [("write", "298"), ("checkout", "0")]


@pytest.mark.usefixtures("no_redis")
def test_without_redis_the_policy_is_told_and_the_answer_given(api: ApiClient) -> None:
    answer = api.get("/products")
    assert answer.status_code == 200
    assert "RateLimit" not in answer
    assert POLICY.fullmatch(answer["RateLimit-Policy"])


@pytest.mark.usefixtures("no_redis")
def test_without_redis_nobody_signs_in(api: ApiClient, customer: User) -> None:
    answer = api.post("/users/login", {"email": customer.email, "password": "wrong"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "Retry-After" in answer


ADDRESS: dict[str, Any] = {
    "fullName": "Ada Byron", "line1": "Am Markt 1", "postalCode": "28195", "city": "Bremen", "country": "DE",
}  # fmt: skip
