"""The API object: what every endpoint's answer and description have in common, said once."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.types import DictStrAny

from .paging import link_header
from .responses import PROBLEM

METHODS = {"get", "post", "put", "patch", "delete"}
HEADERS: DictStrAny = {
    "RateLimit": 'What is left: `"read";r=599;t=1`, requests and the seconds until the whole quota is there again.',
    "RateLimit-Policy": 'The quota: `"read";q=600;w=30`, requests and the seconds in which they come back.',
    "X-Request-Id": "Names this request in the shop's log.",
    "ETag": "Changes with anything in the answer. Sent back as `If-None-Match` it saves the body.",
    "Link": "RFC 8288: the `first`, `prev` and `next` page.",
    "Retry-After": "Seconds after which trying again makes sense.",
}
ALWAYS = ("RateLimit", "RateLimit-Policy", "X-Request-Id")
REFUSALS = {
    400: "Values that can't be accepted; `fields` names them",
    401: "Nobody is signed in, or the token is not valid",
    403: "Not allowed: a function of staff, or a write that another site made",
    404: "Nothing there, or nothing of the caller's",
    409: "The present state does not allow it, or the first request with this key is under way",
    412: "Changed since it was read",
    413: "The body is too large",
    415: "The body is not application/json",
    422: "This Idempotency-Key was used with another request",
    429: "Too many requests",
    503: "Not right now",
}
NOT_MODIFIED = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The `ETag` of an earlier answer: what has not changed is not sent again.",
}


class ShopApi(NinjaAPI):
    described: OpenAPISchema | None = None

    def create_response(self, request: HttpRequest, data: Any, **kwargs: Any) -> HttpResponse:
        response = super().create_response(request, data, **kwargs)
        if isinstance(data, dict) and "pagination" in data:
            response["Link"] = link_header(request, data["pagination"])
        return response

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """Made once: it takes a quarter of a second, and anybody may ask for it."""
        if self.described is None:
            self.described = self._describe(**kwargs)
        return self.described

    def _describe(self, **kwargs: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**kwargs)
        components = schema["components"]
        components["headers"] = {
            name: {"description": text, "schema": {"type": "integer" if name == "Retry-After" else "string"}}
            for name, text in HEADERS.items()
        }
        components["schemas"]["Problem"] = problem_of(components["schemas"]["Failure"])
        components["responses"] = {f"Refused{status}": refusal(status) for status in REFUSALS}
        for methods in schema["paths"].values():
            for method in METHODS & methods.keys():
                complete(methods[method], method)
        return schema


def problem_of(failure: DictStrAny) -> DictStrAny:
    """RFC 9457's form of the same refusal."""
    text = {"type": "string"}
    names = ["type", "title", "status", "detail", "instance", "code", "requestId"]
    fields = failure.get("properties", {}).get("fields", {})
    properties = dict.fromkeys(names, text) | {"status": {"type": "integer"}, "fields": fields}
    return {"type": "object", "title": "Problem", "properties": properties, "required": names}


def complete(operation: DictStrAny, method: str) -> None:
    """Adds what holds for every operation: the refusals that stand before the endpoint, its headers, 304."""
    responses: dict[int, DictStrAny] = {int(status): answer for status, answer in operation["responses"].items()}
    refused = refusals_of(operation, method) | (responses.keys() & REFUSALS.keys())
    if method == "get":
        operation["parameters"] = [*operation.get("parameters", []), NOT_MODIFIED]
        responses[304] = {"description": "Not changed"}
    told = [*ALWAYS, *(["ETag"] if method == "get" else []), *(["Link"] if "offset" in names_of(operation) else [])]
    for answer in responses.values():
        answer["headers"] = headers(told)
    responses |= {status: {"$ref": f"#/components/responses/Refused{status}"} for status in refused}
    operation["responses"] = {str(status): responses[status] for status in sorted(responses)}


def refusal(status: int) -> DictStrAny:
    content = {"application/json": "Failure", PROBLEM: "Problem"}
    told = [*ALWAYS, *(["Retry-After"] if status in {409, 429, 503} else [])]
    return {
        "description": REFUSALS[status],
        "content": {kind: {"schema": {"$ref": f"#/components/schemas/{name}"}} for kind, name in content.items()},
        "headers": headers(told),
    }


def headers(names: Sequence[str]) -> DictStrAny:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def refusals_of(operation: DictStrAny, method: str) -> set[int]:
    names = names_of(operation)
    # A token that ended, or never was, is refused wherever it is shown.
    found = {401, 429}
    if "requestBody" in operation:
        found |= {400, 413, 415}
    if any(place in {"query", "header"} for _, place in _parameters(operation)):
        found |= {400}
    if method != "get":
        found |= {403}
    if "Idempotency-Key" in names:
        found |= {409, 422}
    if "If-Match" in names:
        found |= {412}
    return found


def names_of(operation: DictStrAny) -> set[str]:
    return {name for name, _ in _parameters(operation)}


def _parameters(operation: DictStrAny) -> list[tuple[str, str]]:
    return [(parameter["name"], parameter["in"]) for parameter in operation.get("parameters", [])]
