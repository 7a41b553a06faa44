"""`/api/v1/...` is `/api/...` with every rule that stands before it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from shop.models import IdempotencyKey

pytestmark = pytest.mark.django_db
VARYING = {"X-Request-Id", "RateLimit", "Expires", "ETag", "Link"}


def routes(prefix: str, patterns: Any) -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(route, pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and route.startswith("/api/"):
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"\1_that_never_was", route)


def seen(answer: Any) -> tuple[Any, ...]:
    headers = {name: value for name, value in answer.items() if name not in VARYING}
    body = re.sub(rb'"requestId": ?"\w+"', b"", answer.content)
    return answer.status_code, headers, body


ROUTES = sorted(routes("/", get_resolver().url_patterns))


def test_there_are_routes() -> None:
    assert len(ROUTES) > 15


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_answers_alike_by_both_addresses(route: str) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "TRACE"):
        plain, alias = (
            seen(Client().generic(method, address, "{}", content_type="application/json"))
            for address in (route, route.replace("/api/", "/api/v1/", 1))
        )
        assert alias == plain, method


@pytest.mark.parametrize("address", ["/api/v1", "/api/v2/products", "/api/v1products", "/api/v1/v1/products"])
def test_no_other_address_is_an_alias(address: str) -> None:
    answer: Any = Client().get(address)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


class TestTheRulesBefore:
    def test_a_foreign_site_writes_nothing(self, browser: Client) -> None:
        answer = browser.put(
            "/api/v1/users/me", {}, content_type="application/json", headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert answer.status_code == 403

    def test_a_persons_token_counts(self, customer_api: Any) -> None:
        answer = customer_api.get("/v1/users/me")
        assert answer.status_code == 200

    def test_a_token_that_is_none_is_refused(self, api: Any) -> None:
        api.bearer = "tok_x"
        assert api.get("/v1/products").json()["code"] == "invalid_token"

    def test_large_bodies_where_they_are_allowed(self, admin_api: Any) -> None:
        padded = '{"name": "x"}' + " " * 70_000
        assert admin_api.post("/v1/products", padded).status_code == 400
        assert admin_api.post("/v1/orders", padded).status_code == 413

    def test_its_bucket_is_the_same(self, api: Any) -> None:
        left = [api.get(path)["RateLimit"] for path in ("/products/search?q=a", "/v1/products/search?q=a")]
        assert [re.sub(";t=.*", "", one) for one in left] == ['"search";r=299', '"search";r=298']

    def test_a_key_is_the_same_key(self, admin_api: Any) -> None:
        body = {"name": "Mug", "price": 1, "sku": "M-1", "category": "Kitchen"}
        first = admin_api.post("/products", body, idempotency_key="k")
        second = admin_api.post("/v1/products", body, idempotency_key="k")
        assert (first.status_code, second.status_code) == (201, 201), first.content
        assert second["Idempotent-Replayed"] == "true"
        assert IdempotencyKey.objects.count() == 1
