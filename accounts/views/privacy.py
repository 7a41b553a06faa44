"""A copy of what the shop knows of a person, and the end of it."""

import json
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from ninja.responses import NinjaJSONEncoder

from .. import operations
from ..forms import EraseForm
from .pages import page, person
from .second_factor import confirmed


@never_cache
@confirmed
@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/privacy.html", {"keep_years": settings.SHOP_KEEP_ORDER_DATA_YEARS})


@never_cache
@confirmed
@require_safe
def export(request: HttpRequest) -> StreamingHttpResponse:
    parts = operations.export_account(person(request))
    response = StreamingHttpResponse(as_json(parts), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="my-data-{timezone.localdate()}.json"'
    return response


def as_json(parts: Iterator[tuple[str, Any]]) -> Iterator[str]:
    yield f'{{"exportedAt": {json.dumps(timezone.now(), cls=NinjaJSONEncoder)}'
    for name, data in parts:
        yield f",\n{json.dumps(name)}: {json.dumps(data, cls=NinjaJSONEncoder, ensure_ascii=False, indent=2)}"
    yield "}\n"


@never_cache
@confirmed
def erase(request: HttpRequest) -> HttpResponse:
    user = person(request)
    form = EraseForm(request.POST or None, email=user.email)
    if form.is_valid():
        with form.showing_refusals():
            operations.erase_account(user, now=timezone.now())
            auth.logout(request)
            messages.success(request, "Your account is erased. We have sent you a last mail about it.")
            return redirect("content:home")
    return page(request, "accounts/erase.html", form, keep_years=settings.SHOP_KEEP_ORDER_DATA_YEARS)
