from collections.abc import Callable
from datetime import timedelta

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from shop.errors import Unauthenticated
from shop.responses import error_response, wants_json

from .models import ApiToken, User

LAST_USE_PRECISION = timedelta(minutes=1)


class BearerTokenMiddleware:
    """Turns `Authorization: Bearer tok_...` into `request.user`; any other bearer value is left in `request.bearer`.

    A request with a bearer value never acts as the person of the session: it is exempt from the cross-site rule. A
    person's token counts under /api/ only, so that it opens neither the admin nor a page.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        bearer = bearer_value(request)
        request.bearer = bearer  # type: ignore[attr-defined]
        if bearer:
            request.user = AnonymousUser()
        if bearer.startswith(ApiToken.PREFIX) and wants_json(request):
            user = owner_of(bearer)
            if user is None:
                return error_response(request, Unauthenticated("This token is not valid.", code="invalid_token"))
            request.user = user
        return self.get_response(request)


def bearer_value(request: HttpRequest) -> str:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def owner_of(secret: str) -> User | None:
    now = timezone.now()
    digest = ApiToken.digest_of(secret)
    token = ApiToken.objects.usable(now).select_related("user").filter(digest=digest).first()
    if token is None:
        return None
    # At most one write a minute: a busy client would otherwise make every read a write of the same row.
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USE_PRECISION)
    if token.last_used_at is None or token.last_used_at < now - LAST_USE_PRECISION:
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    return token.user
