"""What scripts of other sites may read: the catalogue, each of them; the rest, those that the setting names."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db
OURS, EVIL = "https://app.example", "https://evil.example"
PUBLIC = ["/api/products", "/api/products/search?q=mug", "/api/products/prod_none", "/api/openapi.json", "/api/docs"]
PRIVATE = ["/api/cart/me", "/api/users/me", "/api/orders/order_none"]


@pytest.fixture(autouse=True)
def origins(settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [OURS]


def preflight(path: str, origin: str, method: str) -> Any:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return Client().options(path, headers=headers)


@pytest.mark.parametrize("prefix", ["/api/", "/api/v1/"])
@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_everybodys_reads_are_open_to_every_site(path: str, method: str, prefix: str) -> None:
    answer: Any = Client().generic(method, path.replace("/api/", prefix), headers={"Origin": EVIL})
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert {"ETag", "Link", "RateLimit", "X-Request-Id"} <= set(answer["Access-Control-Expose-Headers"].split(", "))


@pytest.mark.parametrize("path", PRIVATE)
def test_the_rest_is_open_to_those_named_alone(path: str) -> None:
    for origin, expected in ((OURS, OURS), (EVIL, None), ("null", None), (OURS + ".evil.example", None)):
        answer: Any = Client().get(path, headers={"Origin": origin})
        assert answer.get("Access-Control-Allow-Origin") == expected
        assert "Origin" in answer["Vary"]


@pytest.mark.parametrize("path", [*PUBLIC, *PRIVATE])
@pytest.mark.parametrize("origin", [OURS, EVIL])
def test_cookies_are_never_allowed_along(path: str, origin: str, browser: Client) -> None:
    answers = [browser.get(path, headers={"Origin": origin}), preflight(path, origin, "GET")]
    assert not any("Access-Control-Allow-Credentials" in answer for answer in answers)


def test_a_preflight_is_answered() -> None:
    answer = preflight("/api/orders", OURS, "POST")
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (204, OURS)
    assert {"Authorization", "Idempotency-Key"} <= set(answer["Access-Control-Allow-Headers"].split(", "))
    assert "POST" in answer["Access-Control-Allow-Methods"]
    read = preflight("/api/products", EVIL, "GET")
    assert (read.status_code, read["Access-Control-Allow-Origin"]) == (204, "*")
    assert "Authorization" not in read["Access-Control-Allow-Headers"]
    assert read["Access-Control-Allow-Methods"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/api/products", "/api/orders"])
def test_those_named_may_send_a_token_with_every_read(path: str) -> None:
    """Their programs send it along wherever they read, and staff read products that are not published."""
    answer = preflight(path, OURS, "GET")
    assert {"Authorization", "If-None-Match"} <= set(answer["Access-Control-Allow-Headers"].split(", "))


@pytest.mark.parametrize(
    ("path", "method"), [("/api/products", "POST"), ("/api/products/x", "DELETE"), ("/api/cart/me", "GET")]
)
def test_a_preflight_from_elsewhere_is_not(path: str, method: str) -> None:
    answer = preflight(path, EVIL, method)
    assert answer.status_code == 405
    assert "Access-Control-Allow-Origin" not in answer


def test_pages_have_no_such_headers(client: Client) -> None:
    answer = client.get("/account/login/", headers={"Origin": OURS})
    assert "Access-Control-Allow-Origin" not in answer


def test_a_foreign_site_still_writes_nothing_by_cookie(browser: Client, customer: User) -> None:
    headers = {"Origin": OURS, "Sec-Fetch-Site": "cross-site"}
    answer = browser.put("/api/users/me", {"firstName": "Eve"}, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
