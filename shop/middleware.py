import ipaddress
import logging
import re
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from . import rate_limits
from .errors import DomainError, Forbidden, InvalidInput, MethodNotAllowed, NotFound, refusal_of
from .http import Request
from .ids import new_id
from .responses import error_response, wants_json

log = logging.getLogger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponse]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
PAGE_METHODS = ("GET", "HEAD", "POST")
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


class ApiVersionMiddleware:
    """`/api/v1/...` is `/api/...`, for programs that like a version in the address: one way, by no second route.

    `path` stays as it was sent, so that links and the log tell what the client knows.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/api/v1/"):
            request.path_info = "/api/" + request.path_info.removeprefix("/api/v1/")
        return self.get_response(request)


class ErrorsMiddleware:
    """One shape for every refusal: a page for people and, under /api/, never anything but the envelope.

    Django itself answers there too: a method that no endpoint takes, an address that none has.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # PostgreSQL has no text with NUL: any lookup by such a name would be an error of ours.
        if "\x00" in request.path_info:
            return error_response(request, NotFound())
        if "%00" in request.META.get("QUERY_STRING", ""):
            return error_response(request, InvalidInput(fields=parameters_with_nul(request)))
        # A view of a form takes whatever is no POST for a reading: a DELETE would be answered its page.
        if request.method not in PAGE_METHODS and not wants_json(request):
            return error_response(request, MethodNotAllowed(headers={"Allow": ", ".join(PAGE_METHODS)}))
        response = self.get_response(request)
        if response.status_code >= 400 and wants_json(request) and "json" not in response.get("Content-Type", ""):
            return error_response(request, as_error(response))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        refusal = refusal_of(exception)
        if refusal is not None and refusal is not exception:
            log.error("request %s: the database did not carry it out", getattr(request, "id", ""), exc_info=exception)
        return None if refusal is None else error_response(request, refusal)


def parameters_with_nul(request: HttpRequest) -> dict[str, list[str]]:
    parameters = request.GET.lists()
    return {
        name: ["Contains a NUL character."]
        for name, values in parameters
        if any("\x00" in part for part in [name, *values])
    }


def as_error(response: HttpResponse) -> DomainError:
    phrase = HTTPStatus(response.status_code).phrase
    headers = {"Allow": response["Allow"]} if response.has_header("Allow") else {}
    code = phrase.lower().replace(" ", "_")
    return DomainError(f"{phrase}.", code=code, status=response.status_code, headers=headers)


class ClientAddressMiddleware:
    """Sets `request.client_address`, counted from the right of X-Forwarded-For: further left, visitors write."""

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
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        # A provider gives each customer at least a /64: counted singly, one visitor would be endlessly many.
        return str(ipaddress.ip_network(f"{found}/64", strict=False))
    return str(found)


class RateLimitMiddleware:
    """Counts each request to the API once, against the person if somebody is signed in, else the address.

    It counts before the view runs, where the middlewares further in have said who asks. What they answer themselves
    (a token that is not valid, an address that nothing has) counts afterwards, so that trying is bounded too.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        if not wants_json(request):
            return self.get_response(request)
        response = self.get_response(request)
        taken = getattr(request, "taken", None)
        if taken is None:
            taken = rate_limits.take(rate_limits.class_of(request), request.client_address)
            if taken.wait is not None:
                response = error_response(request, taken.refusal())
        for name, value in taken.headers.items():
            # A bucket of its own that the endpoint took from, and that was empty, stands beside.
            others = [part for part in [response.get(name, "")] if part and part != value]
            response[name] = ", ".join([value, *others])
        return response

    def process_view(self, request: Request, *_: object) -> HttpResponse | None:
        if not wants_json(request):
            return None
        request.taken = rate_limits.take(rate_limits.class_of(request), rate_limits.subject_of(request))
        return None if request.taken.wait is None else error_response(request, request.taken.refusal())


class CrossSiteMiddleware:
    """Refuses a write that a foreign site makes a browser send.

    Browsers tell with `Sec-Fetch-Site`, older ones with `Origin`; a client that sends neither is not a browser. Pages
    then need no token of their own and can be cached for everybody. The admin keeps Django's token besides.

    A page refuses it without our cookie too: the answer's cookie would replace the visitor's, which a foreign site's
    form does not send, and sign them in as somebody else. The API sets no cookie, and serves programs of other sites.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        exempt = wants_json(request) and (has_bearer(request) or settings.SESSION_COOKIE_NAME not in request.COOKIES)
        if request.method not in SAFE_METHODS and not exempt and not is_same_site(request):
            return error_response(request, Forbidden("This request came from another site.", code="cross_site"))
        return self.get_response(request)


def has_bearer(request: HttpRequest) -> bool:
    """Then the request acts as the bearer, whatever its cookies say."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and bool(value.strip())


def is_same_site(request: HttpRequest) -> bool:
    if fetch_site := request.headers.get("Sec-Fetch-Site"):
        return fetch_site in {"same-origin", "none"}
    if origin := request.headers.get("Origin"):
        try:
            return urlsplit(origin).netloc == request.get_host()
        except ValueError:
            return False
    return True


class AdminCsrfMiddleware(CsrfViewMiddleware):
    """Django's token for the admin alone; all other pages stand behind `CrossSiteMiddleware`."""

    def process_view(self, request, callback, callback_args, callback_kwargs):  # type: ignore[no-untyped-def]
        if not request.path_info.startswith("/admin/"):
            return None
        return super().process_view(request, callback, callback_args, callback_kwargs)
