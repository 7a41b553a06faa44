"""One error, two dresses: the JSON envelope for programs, a page for people."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from ninja.responses import NinjaJSONEncoder
from pydantic import BaseModel

from .errors import DomainError


def wants_json(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def error_body(request: HttpRequest, error: DomainError) -> dict[str, Any]:
    body: dict[str, Any] = {"success": False, "error": error.text, "code": error.code}
    if error.fields:
        body["fields"] = error.fields
    return body | error.extra | {"requestId": getattr(request, "id", "")}


def error_response(request: HttpRequest, error: DomainError) -> HttpResponse:
    if wants_json(request):
        response: HttpResponse = JsonResponse(error_body(request, error), status=error.status)
    else:
        context = {"error": error, "title": HTTPStatus(error.status).phrase}
        response = render(request, "error.html", context, status=error.status)
    for name, value in error.headers.items():
        response[name] = value
    return response


def json_response(answer: BaseModel, *, status: int) -> HttpResponse:
    """For the endpoints whose answer is stored and sent again: the same bytes as ninja would make."""
    return JsonResponse(answer.model_dump(by_alias=True), encoder=NinjaJSONEncoder, status=status)
