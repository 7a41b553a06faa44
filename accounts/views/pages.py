from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ..forms import OperationForm
from ..models import User


def page(request: HttpRequest, template: str, form: OperationForm, **context: Any) -> HttpResponse:
    """The form's page, with the status of what refused it: a throttled sign-in is a 429 for people too."""
    response = render(request, template, {"form": form, **context})
    if form.refusal:
        response.status_code = form.refusal.status
        for name, value in form.refusal.headers.items():
            response[name] = value
    return response


def person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
