from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from .queries import current


def cart(request: HttpRequest) -> dict[str, Any]:
    """`cart_count`, read only by a page that shows it and only for a visitor who has a session."""
    if not hasattr(request, "user"):
        # An error page for a request that was refused before anybody asked whose it is.
        return {"cart_count": 0}
    if settings.SESSION_COOKIE_NAME not in request.COOKIES and not request.session.modified:
        return {"cart_count": 0}
    return {"cart_count": SimpleLazyObject(lambda: count(request))}


def count(request: HttpRequest) -> int:
    found = current(request)
    return sum(line["quantity"] for line in found.lines) if found else 0
