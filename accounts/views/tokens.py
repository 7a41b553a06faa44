from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from shop.errors import DomainError

from .. import operations
from ..forms import TokenForm
from ..middleware import granted_scopes
from ..models import ApiToken
from ..queries import find_token
from ..scopes import in_words
from .pages import page, person

SHOWN = 100


@never_cache
@login_required
def tokens(request: HttpRequest) -> HttpResponse:
    user, now = person(request), timezone.now()
    form = TokenForm(request.POST or None, for_staff=user.is_staff)
    if form.is_valid():
        with form.showing_refusals():
            body = form.body
            token, secret = operations.create_token(
                user,
                name=body.name,
                scopes=body.scopes,
                days=body.expires_in_days,
                granted=granted_scopes(request),
                now=now,
            )
            return shown_once(request, token, secret)
    usable = user.api_tokens.usable(now).order_by("-id")
    return page(request, "accounts/tokens.html", form, tokens=[row(token) for token in usable[:SHOWN]])


@never_cache
@require_POST
@login_required
def token_rotate(request: HttpRequest, public_id: str) -> HttpResponse:
    token = find_token(person(request), public_id)
    try:
        return shown_once(
            request, *operations.rotate_token(token, granted=granted_scopes(request), now=timezone.now()), old=token
        )
    except DomainError as error:
        messages.error(request, error.text)
        return redirect("accounts:tokens")


@require_POST
@login_required
def token_end(request: HttpRequest, public_id: str) -> HttpResponse:
    operations.end_token(find_token(person(request), public_id))
    messages.success(request, "The token is ended.")
    return redirect("accounts:tokens")


def shown_once(request: HttpRequest, token: ApiToken, secret: str, old: ApiToken | None = None) -> HttpResponse:
    """No redirect: the secret would have to be stored for the page that it leads to."""
    return render(request, "accounts/token_created.html", {"token": token, "secret": secret, "old": old})


def row(token: ApiToken) -> dict[str, Any]:
    return {"token": token, "may": [in_words(scope) for scope in token.scopes]}
