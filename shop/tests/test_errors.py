"""One shape for every refusal: a page for people, the envelope under /api/."""

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client, RequestFactory

from shop.errors import Conflict, RateLimited
from shop.middleware import ErrorsMiddleware

KEYS = {"success", "error", "code", "requestId"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "address", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", "/api/products/%00", 404, "not_found"),
        ("GET", "/api/cart/cart_%00", 404, "not_found"),
        ("GET", "/api/cart/%2e%2e", 404, "cart_not_found"),
        ("PATCH", "/api/cart/me", 405, "method_not_allowed"),
        ("DELETE", "/api/orders", 405, "method_not_allowed"),
        ("TRACE", "/api/products", 405, "method_not_allowed"),
    ],
)
def test_below_api_every_error_is_json(method: str, address: str, status: int, code: str) -> None:
    response: Any = Client().generic(method, address)
    assert response.status_code == status
    assert response["Content-Type"] == "application/json"
    assert response.json().keys() == KEYS
    assert response.json()["code"] == code
    assert (status == 405) == response.has_header("Allow")


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/nothing/", "/products/%00/", "/static/%00"])
def test_elsewhere_an_error_is_a_page(address: str) -> None:
    response = Client().get(address)
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")
    assert "Content-Security-Policy" in response


@pytest.mark.django_db
def test_a_nul_in_a_parameter_is_bad_input() -> None:
    response = Client().get("/api/products?limit=1&q=a%00&brand=b&brand=%00")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert response.json()["fields"].keys() == {"q", "brand"}
    assert Client().get("/api/products?%00").status_code == 400
    page = Client().get("/search/?q=%00")
    assert page.status_code == 400
    assert page["Content-Type"].startswith("text/html")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [(Conflict("Not now."), 409, None), (RateLimited(headers={"Retry-After": "7"}), 429, "7")],
)
def test_a_page_may_raise_a_domain_error(error: Exception, status: int, retry_after: str | None) -> None:
    response = through(error)
    assert response.status_code == status
    assert str(error) in response.content.decode()
    assert response.get("Retry-After") == retry_after


@pytest.mark.django_db
def test_a_database_that_does_not_answer_is_503_and_says_nothing_of_itself() -> None:
    response = through(OperationalError("connection to server at 10.0.0.7 failed"))
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "10.0.0.7" not in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_is_not_got_is_503_in_json(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(*args: Any, **kwargs: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 20; SELECT pg_sleep(1)")

    monkeypatch.setattr("cart.api.find", wait)
    response = api.get("/cart/me")
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    connection.close()


@pytest.mark.django_db
def test_an_error_that_nobody_expected_tells_nothing(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError("password=hunter2")

    monkeypatch.setattr("cart.api.find", fail)
    response = api.get("/cart/me")
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "hunter2" not in response.content.decode()


def through(error: Exception) -> Any:
    """The answer of a page whose view raises `error`."""
    request = RequestFactory().get("/page")
    response = ErrorsMiddleware(HttpResponse).process_exception(request, error)
    assert response is not None
    return response


PROBLEM = "application/problem+json"


@pytest.mark.django_db
class TestProblemDetails:
    @pytest.mark.parametrize(
        ("accept", "is_problem"),
        [
            (PROBLEM, True),
            (f"application/json, {PROBLEM}", True),
            (f"application/json;q=0.5, {PROBLEM};q=0.9", True),
            (f"application/json, {PROBLEM};q=0.9", False),
            (f"application/json, {PROBLEM};q=0", False),
            (f"text/html, {PROBLEM};q=0.1", True),
            ("*/*", False),
            ("application/*", False),
            ("application/json", False),
            ("", False),
            (";;q=,/,", False),
        ],
    )
    def test_only_for_those_who_ask(self, api: Any, accept: str, is_problem: bool) -> None:
        refusal = api.get("/products?limit=0", accept=accept)
        assert refusal["Content-Type"] == (PROBLEM if is_problem else "application/json")
        assert refusal.json()["code"] == "invalid_input"
        assert "Accept" in refusal["Vary"]

    def test_tells_what_the_envelope_tells(self, api: Any) -> None:
        refusal = api.get("/products?limit=0&token=secret", accept=PROBLEM)
        assert refusal.status_code == 400
        assert refusal.json() == {
            "type": "http://127.0.0.1:8000/api/docs#invalid_input",
            "title": "Invalid input",
            "status": 400,
            "detail": "Some values can't be accepted.",
            "instance": "/api/products",
            "code": "invalid_input",
            "fields": {"limit": ["Must be at least 1."], "token": ["There is no such parameter."]},
            "requestId": refusal["X-Request-Id"],
        }

    @pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("PATCH", "/orders", 405)])
    def test_what_django_itself_refuses_too(self, api: Any, method: str, path: str, status: int) -> None:
        refusal = api.send(method, path, accept=PROBLEM)
        assert (refusal.status_code, refusal["Content-Type"]) == (status, PROBLEM)
        assert refusal.json()["status"] == status

    def test_an_answer_stays_as_it_is(self, api: Any) -> None:
        answer = api.get("/products", accept=PROBLEM)
        assert (answer.status_code, answer.json()["success"]) == (200, True)


@pytest.mark.django_db
class TestRequestId:
    def test_each_answer_has_one(self) -> None:
        first, second = Client().get("/livez"), Client().get("/livez")
        assert first["X-Request-Id"].startswith("req_")
        assert first["X-Request-Id"] != second["X-Request-Id"]

    def test_a_proxys_own_is_kept(self) -> None:
        assert Client().get("/livez", headers={"X-Request-Id": "edge-12345"})["X-Request-Id"] == "edge-12345"

    @pytest.mark.parametrize("given", ["short", "x" * 65, "a b c d e f", "<script>alert", "abcdefgh\r\nX: y"])
    def test_one_that_could_spoil_a_log_is_not(self, given: str) -> None:
        response = Client().get("/livez", headers={"X-Request-Id": given})
        assert response["X-Request-Id"].startswith("req_")
