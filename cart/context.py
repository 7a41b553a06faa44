from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from .operations import is_held
from .queries import current


def cart(request: HttpRequest) -> dict[str, Any]:
    """`cart_count` and `cart_holds`: read only by a page that shows them, only for a visitor who has a session."""
    if not hasattr(request, "user"):
        # An error page for a request that was refused before anybody asked whose it is.
        return {"cart_count": 0, "cart_holds": ()}
    if settings.SESSION_COOKIE_NAME not in request.COOKIES and not request.session.modified:
        return {"cart_count": 0, "cart_holds": ()}
    return {
        "cart_count": SimpleLazyObject(lambda: count(request)),
        "cart_holds": SimpleLazyObject(lambda: holds(request)),
    }


def count(request: HttpRequest) -> int:
    found = current(request)
    return sum(line["quantity"] for line in found.lines) if found else 0


def holds(request: HttpRequest) -> list[str]:
    """SKUs of which the visitor's bag holds units: nobody else can have those."""
    found = current(request)
    return [line["sku"] for line in found.lines if is_held(line, timezone.now())] if found else []
