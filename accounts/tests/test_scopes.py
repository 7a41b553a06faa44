from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts import operations
from accounts.models import User
from accounts.scopes import EVERYTHING, SCOPES, allows, beyond, in_words, scope_needed
from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory

NOT_OF_THE_API = {"api/"}  # what ninja answers at its root


def client(user: User, *scopes: str) -> ApiClient:
    return ApiClient(operations.issue_token(user, "test", timezone.now(), scopes=scopes)[1])


def api_routes(prefix: str = "", patterns: Any = None) -> Iterator[str]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from api_routes(route, pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and route.startswith("api/"):
            yield route


class TestWhatARouteNeeds:
    @pytest.mark.parametrize(
        ("method", "route", "scope"),
        [
            ("GET", "api/products", ""),
            ("HEAD", "api/products/<product_id>", ""),
            ("POST", "api/products", "products:write"),
            ("GET", "api/inventory/<sku>", "inventory:read"),
            ("GET", "api/cart/<user_id>", "cart:read"),
            ("DELETE", "api/cart/<user_id>/items/<item_id>", "cart:write"),
            ("GET", "api/orders/user/<user_id>", "orders:read"),
            ("GET", "api/users/<user_id>/orders", "orders:read"),
            ("POST", "api/orders/<order_id>/cancel", "orders:write"),
            ("GET", "api/users/<user_id>", "account:read"),
            ("POST", "api/users/<user_id>/tokens/<token_id>/rotate", "account:write"),
            ("POST", "api/users/logout", ""),
            ("GET", "api/products/<product_id>/reviews", ""),
            ("POST", "api/products/<product_id>/reviews", "reviews:write"),
            ("GET", "api/users/<user_id>/reviews", "reviews:read"),
            ("GET", "api/users/<user_id>/recommendations", "account:read"),
            ("GET", "api/recommendations/popular", ""),
            ("GET", "api/docs", ""),
            ("GET", "api/nobody/thought/of/it", EVERYTHING),
        ],
    )
    def test_follows_from_method_and_route(self, method: str, route: str, scope: str) -> None:
        assert scope_needed(method, route) == scope

    def test_is_named_for_every_route(self) -> None:
        """A route whose resource nobody has named opens to `*` alone: name it in accounts/scopes.py."""
        routes = set(api_routes()) - NOT_OF_THE_API
        assert len(routes) > 20
        open_to_all = [route for route in sorted(routes) if scope_needed("GET", route) == EVERYTHING]
        assert open_to_all == ["api/users/<user_id>/erase", "api/users/<user_id>/export"]

    def test_writing_includes_reading_and_not_the_other_way(self) -> None:
        assert allows(["orders:write"], "orders:read")
        assert not allows(["orders:read"], "orders:write")
        assert not allows(["orders:write"], "cart:read")
        assert allows([EVERYTHING], "orders:write")
        assert allows([], "")

    def test_a_scope_passes_on_no_more_than_itself(self) -> None:
        assert beyond(["orders:read", "cart:write"], ["orders:write"]) == ["cart:write"]
        assert beyond([EVERYTHING], SCOPES) == [EVERYTHING]
        assert beyond(SCOPES, [EVERYTHING]) == []

    def test_every_scope_has_words(self) -> None:
        assert len({in_words(scope) for scope in (*SCOPES, EVERYTHING)}) == len(SCOPES) + 1


@pytest.mark.django_db
class TestATokenWithoutTheScope:
    def test_is_refused_with_the_scopes_name(self, customer: User) -> None:
        response = client(customer, "cart:read").get("/users/me")
        assert response.status_code == 403
        body = response.json()
        assert (body["code"], body["scope"]) == ("insufficient_scope", "account:read")
        assert "account:read" in body["error"]
        assert response["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="account:read"'

    @pytest.mark.parametrize(
        ("method", "path"),
        [("PUT", "/users/me"), ("POST", "/orders"), ("GET", "/users/me/orders"), ("GET", "/v1/users/me/tokens")],
    )
    def test_is_refused_before_the_endpoint_is_asked(self, customer: User, method: str, path: str) -> None:
        response = client(customer, "cart:write").send(method, path, {"nonsense": True})
        assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")

    def test_changes_nothing(self, customer: User) -> None:
        assert client(customer, "account:read").put("/users/me", {"firstName": "Eve"}).status_code == 403
        customer.refresh_from_db()
        assert customer.first_name == "Ada"

    def test_reads_the_catalogue_all_the_same(self, customer: User) -> None:
        assert client(customer, "cart:read").get("/products").status_code == 200

    def test_can_end_itself(self, customer: User) -> None:
        narrow = client(customer, "cart:read")
        assert narrow.post("/users/logout").status_code == 204
        assert narrow.get("/products").status_code == 401

    def test_hears_of_a_missing_route_as_everybody(self, customer: User) -> None:
        assert client(customer, "cart:read").get("/nothing/here").status_code == 404


@pytest.mark.django_db
class TestATokenWithTheScope:
    def test_does_what_it_names(self, customer: User) -> None:
        assert client(customer, "account:read").get("/users/me").status_code == 200
        assert client(customer, "account:write").get("/users/me").status_code == 200
        assert client(customer, "account:write").put("/users/me", {"firstName": "Augusta"}).status_code == 200
        assert client(customer, "orders:read").get("/users/me/orders").status_code == 200
        assert client(customer, EVERYTHING).get("/v1/users/me").status_code == 200

    def test_gives_nobody_a_permission(self, customer: User) -> None:
        response = client(customer, "products:write").post("/products", {})
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")

    def test_narrows_staff_too(self) -> None:
        staff = StaffFactory.create(permissions=["catalog.add_product"])
        assert client(staff, "products:read").post("/products", {}).json()["code"] == "insufficient_scope"
        assert client(staff, "products:write").post("/products", {}).json()["code"] == "invalid_input"


@pytest.mark.django_db
def test_a_session_needs_no_scope(browser: Client) -> None:
    assert browser.get("/api/users/me").status_code == 200
