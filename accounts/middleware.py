from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.db.models import Min
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from shop.errors import Unauthenticated
from shop.responses import error_response, wants_json

from . import operations
from .errors import InsufficientScope
from .handlers import note_session
from .models import ApiToken, User
from .operations.second_factor import must_have_second_factor
from .proofs import has_shown_second_factor
from .scopes import EVERYTHING, allows, scope_needed

LAST_USE_PRECISION = timedelta(minutes=1)
# Not below /api/, and yet asked by programs, which see more of them with a token of staff.
PROBES = {"/health", "/readyz"}


class BearerTokenMiddleware:
    """Turns `Authorization: Bearer tok_...` into `request.user`; any other bearer value is left in `request.bearer`.

    A request with a bearer value never acts as the person of the session: it is exempt from the cross-site rule. A
    person's token counts under /api/ only, so that it opens neither the admin nor a page, and only for what its scopes
    name.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        bearer = bearer_value(request)
        request.bearer = bearer  # type: ignore[attr-defined]
        if bearer:
            request.user = AnonymousUser()
        if bearer.startswith(ApiToken.PREFIX) and (wants_json(request) or request.path_info in PROBES):
            token = find_token(bearer)
            if token is None:
                return error_response(request, Unauthenticated("This token is not valid.", code="invalid_token"))
            request.token = token  # type: ignore[attr-defined]
            request.user = token.user
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        """Here, since the route is known by now, and before any endpoint is."""
        token, match = token_of(request), request.resolver_match
        if token is None or match is None:
            return None
        needed = scope_needed(request.method or "", match.route)
        return None if allows(token.scopes, needed) else error_response(request, InsufficientScope(needed))


def token_of(request: HttpRequest) -> ApiToken | None:
    return getattr(request, "token", None)


def granted_scopes(request: HttpRequest) -> list[str]:
    """What the request may do: all that its person may, unless a token says less."""
    token = token_of(request)
    return token.scopes if token else [EVERYTHING]


def session_key(request: HttpRequest) -> str:
    """Of the browser that asks; empty for a program, whose cookies, if it has any, sign nobody in."""
    return "" if bearer_value(request) else request.session.session_key or ""


def bearer_value(request: HttpRequest) -> str:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def find_token(secret: str) -> ApiToken | None:
    now = timezone.now()
    digest = ApiToken.digest_of(secret)
    token = ApiToken.objects.usable(now).select_related("user").filter(digest=digest).first()
    if token is None:
        return None
    # At most one write a minute: a busy client would otherwise make every read a write of the same row.
    before = now - LAST_USE_PRECISION
    if token.last_used_at is None or token.last_used_at < before:
        operations.mark_token_used(token, before=before, now=now)
    return token


class LastSeenMiddleware:
    """Keeps the list of signed-in browsers up to date, to five minutes: a write now and then, not with each page.

    It looks only at sessions that the request has looked at itself: to ask would make every page vary by its cookie.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        session = request.session
        if session.accessed and SESSION_KEY in session and not token_of(request):
            note_session(request, request.user)
        return response


class StaffSecondFactorMiddleware:
    """With `SHOP_STAFF_MFA`: staff whose session or token came about without a second factor are customers here.

    `User.has_perm` then answers no, so no staff function opens; the admin leads to the page that sets one up. The
    person is looked up as lazily as before: a public page that never asks stays the same for everybody.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SHOP_STAFF_MFA:
            user = request.user
            request.user = SimpleLazyObject(lambda: marked(request, user))  # type: ignore[assignment]
            if request.path_info.startswith("/admin/") and getattr(request.user, "lacks_second_factor", False):
                messages.warning(request, "Staff need a second factor. Set one up here, then open the admin.")
                return redirect("accounts:security")
        return self.get_response(request)


def marked(request: HttpRequest, user: User | AnonymousUser) -> User | AnonymousUser:
    if isinstance(user, User) and must_have_second_factor(user):
        user.lacks_second_factor = not has_proved(request, user)
    return user


def has_proved(request: HttpRequest, user: User) -> bool:
    """A token made before the second factor was proves nothing: whoever has it may only have known the password."""
    since = user.second_factors.aggregate(since=Min("created_at"))["since"]
    if since is None:
        return False
    if bearer := bearer_value(request):
        return user.api_tokens.filter(digest=ApiToken.digest_of(bearer), created_at__gte=since).exists()
    return has_shown_second_factor(request)
