import ipaddress
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from .errors import Forbidden
from .http import Request
from .ids import new_id
from .responses import error_response

GetResponse = Callable[[HttpRequest], HttpResponse]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
REQUEST_ID = re.compile(r"[\w.-]{8,64}\Z")


class RequestIdMiddleware:
    """Gives each request an id that stands in its log lines, its error answer and `X-Request-Id`."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request.id = given if REQUEST_ID.match(given) else new_id("req")
        response = self.get_response(request)
        response["X-Request-Id"] = request.id
        return response


class ClientAddressMiddleware:
    """Sets `request.client_address`, counted from the right of X-Forwarded-For: what stands further left, visitors write."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        request.client_address = client_address(request)
        return self.get_response(request)


def client_address(request: HttpRequest) -> str:
    proxies = settings.SHOP_TRUSTED_PROXIES
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    address = request.META.get("REMOTE_ADDR", "")
    if proxies and forwarded:
        address = forwarded[-min(proxies, len(forwarded))]
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return "unknown"


class CrossSiteMiddleware:
    """Refuses a write that a foreign site makes a browser send with our cookies.

    Browsers tell with `Sec-Fetch-Site`, older ones with `Origin`; a client that sends neither is not a browser. Pages
    then need no token of their own and can be cached for everybody. The admin keeps Django's token besides.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if (
            request.method not in SAFE_METHODS
            and settings.SESSION_COOKIE_NAME in request.COOKIES
            and not request.headers.get("Authorization", "").startswith("Bearer ")
            and not is_same_site(request)
        ):
            return error_response(request, Forbidden("This request came from another site.", code="cross_site"))
        return self.get_response(request)


def is_same_site(request: HttpRequest) -> bool:
    if fetch_site := request.headers.get("Sec-Fetch-Site"):
        return fetch_site in {"same-origin", "none"}
    if origin := request.headers.get("Origin"):
        return urlsplit(origin).netloc == request.get_host()
    return True


class AdminCsrfMiddleware(CsrfViewMiddleware):
    """Django's token for the admin alone; all other pages stand behind `CrossSiteMiddleware`."""

    def process_view(self, request, callback, callback_args, callback_kwargs):  # type: ignore[no-untyped-def]
        if not request.path_info.startswith("/admin/"):
            return None
        return super().process_view(request, callback, callback_args, callback_kwargs)
