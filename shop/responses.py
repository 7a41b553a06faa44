"""One error, three dresses: the JSON envelope for programs, problem details for those that ask, a page for people."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from ninja.responses import NinjaJSONEncoder
from pydantic import BaseModel

from .errors import DomainError

PROBLEM = "application/problem+json"


def wants_json(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def error_body(request: HttpRequest, error: DomainError) -> dict[str, Any]:
    body: dict[str, Any] = {"success": False, "error": error.text, "code": error.code}
    if error.fields:
        body["fields"] = error.fields
    return body | error.extra | {"requestId": getattr(request, "id", "")}


def problem_body(request: HttpRequest, error: DomainError) -> dict[str, Any]:
    """RFC 9457. Its `type` leads to the description; the address is told without its query, which may hold a token."""
    body = error_body(request, error)
    text, code = body.pop("error"), body.pop("code")
    del body["success"]
    told = {
        "type": f"{settings.SHOP_BASE_URL}/api/docs#{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": text,
        "instance": request.path,
        "code": code,
    }
    # `status` of our own extras is the order's: the standard's name wins.
    return body | told


def prefers_problem(request: HttpRequest) -> bool:
    """Asked for by name, and no less than plain JSON: `*/*` gets the envelope, as it always did."""
    problem, plain = request.accepted_type(PROBLEM), request.accepted_type("application/json")
    if problem is None or not str(problem).startswith(PROBLEM):
        return False
    return plain is None or bool(problem.quality >= plain.quality)


def error_response(request: HttpRequest, error: DomainError) -> HttpResponse:
    if wants_json(request):
        problem = prefers_problem(request)
        response: HttpResponse = JsonResponse(
            (problem_body if problem else error_body)(request, error),
            status=error.status,
            content_type=PROBLEM if problem else "application/json",
        )
        patch_vary_headers(response, ["Accept"])
    else:
        context = {"error": error, "title": HTTPStatus(error.status).phrase}
        response = render(request, "error.html", context, status=error.status)
    for name, value in error.headers.items():
        response[name] = value
    return response


def json_response(answer: BaseModel, *, status: int) -> HttpResponse:
    """For the endpoints whose answer is stored and sent again: the same bytes as ninja would make."""
    return JsonResponse(answer.model_dump(by_alias=True), encoder=NinjaJSONEncoder, status=status)
