"""The table is whole: all 22 endpoints of the specification, routed, described and tested; nothing beside them."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from pydantic.alias_generators import to_snake

from .compare import GOLDEN
from .endpoints import ADDITIONS, ENDPOINTS, Endpoint

SPECIFIED = """
GET    /api/products
GET    /api/products/{productId}
POST   /api/products
PUT    /api/products/{productId}
DELETE /api/products/{productId}
GET    /api/products/search
GET    /api/products/category/{categoryId}
GET    /api/cart/{userId}
POST   /api/cart/{userId}/items
PUT    /api/cart/{userId}/items/{itemId}
DELETE /api/cart/{userId}/items/{itemId}
POST   /api/cart/{userId}/clear
POST   /api/orders
GET    /api/orders/{orderId}
GET    /api/orders/user/{userId}
PUT   /api/orders/{orderId}/status
POST   /api/orders/{orderId}/cancel
POST   /api/users/register
POST   /api/users/login
GET    /api/users/{userId}
PUT    /api/users/{userId}
GET    /api/users/{userId}/orders
"""
OF_THE_DESCRIPTION = {"/api/", "/api/openapi.json", "/api/docs"}


@pytest.fixture(scope="module")
def openapi() -> Any:
    answer = Client().get("/api/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def ours(path: str) -> str:
    """The specification writes `{productId}`, the description `{product_id}`."""
    return "/".join(to_snake(part) if part.startswith("{") else part for part in path.split("/"))


def test_the_table_is_the_specification() -> None:
    specified = [" ".join(line.split()) for line in SPECIFIED.strip().splitlines()]
    assert len(specified) == 22
    assert sorted(map(str, ENDPOINTS)) == sorted(specified)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_every_endpoint_is_routed_described_and_tested(endpoint: Endpoint, openapi: Any) -> None:
    assert resolve(endpoint.path).route == routed(endpoint.path)

    operation = openapi["paths"][ours(endpoint.path)][endpoint.method.lower()]
    assert operation["summary"]
    schema = operation["responses"][str(endpoint.status)]["content"]["application/json"]["schema"]
    assert {"success", "data"} <= set(properties(schema, openapi))
    assert ("requestBody" in operation) == bool(endpoint.body)
    described = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"}
    assert described == {to_snake(name) for name in endpoint.parameters}

    assert (GOLDEN / f"{endpoint.golden}.json").exists()
    assert endpoint.parameters or endpoint.bad_fields or endpoint.bad_query
    assert bool(endpoint.bad_fields) == bool(endpoint.body)
    assert endpoint.owner


def routed(path: str) -> str:
    """Django's route of a path whose parameters stand for themselves."""
    plain = ours(path).removeprefix("/")
    return next(route for route in routes() if unconverted(route) == f"/{plain}").removeprefix("/")


def properties(schema: Any, openapi: Any) -> Any:
    name = schema["$ref"].removeprefix("#/components/schemas/")
    return openapi["components"]["schemas"][name]["properties"]


def test_the_description_tells_of_keys_tokens_and_refusals(openapi: Any) -> None:
    assert openapi["info"]["title"] == "Loam API"
    for path in ("/api/orders", "/api/products"):
        parameters = openapi["paths"][path]["post"]["parameters"]
        assert ("Idempotency-Key", "header") in {(parameter["name"], parameter["in"]) for parameter in parameters}
    for path, method in (("/api/orders/{order_id}", "get"), ("/api/orders/{order_id}/cancel", "post")):
        security = openapi["paths"][path][method]["security"]
        assert {} in security
        assert {"OrderToken": []} in security
    assert {"OrderToken", "SignedIn", "Staff"} <= set(openapi["components"]["securitySchemes"])
    for path in ("/api/users/register", "/api/users/login", "/api/cart/{user_id}/items"):
        assert {"400", "401", "409", "429"} <= set(openapi["paths"][path]["post"]["responses"])


# --- Nothing beside the table


def test_no_operation_stands_beside_the_table(openapi: Any) -> None:
    described = {f"{method.upper()} {path}" for path, methods in openapi["paths"].items() for method in methods}
    known = {f"{endpoint.method} {ours(endpoint.path)}" for endpoint in ENDPOINTS}
    assert described == known | ADDITIONS


def test_no_route_is_left_out_of_the_description(openapi: Any) -> None:
    assert {unconverted(route) for route in routes()} == set(openapi["paths"]) | OF_THE_DESCRIPTION


def test_no_path_takes_a_method_that_is_not_described(openapi: Any, db: None) -> None:
    for path, methods in openapi["paths"].items():
        answer = Client().generic("TRACE", path)
        assert answer.status_code == 405, path
        assert {name.strip().lower() for name in answer["Allow"].split(",")} == set(methods), path
        body = answer.json()
        assert (body["success"], body["code"]) == (False, "method_not_allowed")


def routes() -> list[str]:
    return list(below("/", get_resolver().url_patterns))


def below(prefix: str, patterns: Any) -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from below(route, pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and route.startswith("/api/"):
            yield route


def unconverted(route: str) -> str:
    """`<path:category_id>` and `<category_id>` as `{category_id}`."""
    for character, replacement in (("<path:", "{"), ("<", "{"), (">", "}")):
        route = route.replace(character, replacement)
    return route


# --- What holds for every operation


def test_every_operation_is_described_to_its_end(openapi: Any) -> None:
    assert openapi["openapi"].startswith("3.1")
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            what = f"{method} {path}"
            responses, names = operation["responses"], {item["name"] for item in operation.get("parameters", [])}
            assert operation["summary"], what
            assert "429" in responses, what
            assert ("304" in responses) == (method == "get"), what
            if "requestBody" in operation:
                assert {"400", "413", "415"} <= set(responses), what
            if "security" in operation:
                assert "401" in responses, what
                known = openapi["components"]["securitySchemes"]
                assert all(name in known for scheme in operation["security"] for name in scheme), what
            if "Idempotency-Key" in names:
                assert {"409", "422"} <= set(responses), what
            assert ("If-Match" in names) == ("412" in responses), what
            refusals = [answer for status, answer in responses.items() if status[0] in "45"]
            assert all(answer["$ref"].startswith("#/components/responses/") for answer in refusals), what


def test_a_refusal_is_described_in_both_its_forms(openapi: Any) -> None:
    for refusal in openapi["components"]["responses"].values():
        assert set(refusal["content"]) == {"application/json", "application/problem+json"}
    assert set(openapi["components"]["schemas"]["Pagination"]["properties"]) == {
        "limit", "offset", "total", "hasMore", "totalIsEstimate", "nextCursor",
    }  # fmt: skip


def test_the_page_of_the_description_is_under_the_policy_of_all_pages() -> None:
    page = Client().get("/api/docs")
    assert page.status_code == 200
    policy = page["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    assert "style=" not in page.content.decode() and "<style" not in page.content.decode()
    assert "http" not in page.content.decode()
