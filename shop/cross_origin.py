"""CORS: which scripts of other sites may read the API's answers.

The public reads are everybody's: `*`. All else, and any read with a token, is for the origins of CORS_ALLOWED_ORIGINS.
Cookies are never allowed along, for nobody: a program of another origin acts by its bearer token or its cart's secret
id, so that no site can act as the person whose browser it runs in.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from .middleware import GetResponse
from .responses import wants_json

READS = frozenset({"GET", "HEAD"})
EXPOSED = "ETag, Idempotent-Replayed, Link, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
HEADERS_OF_READS = "If-None-Match, X-Request-Id"
HEADERS = f"Authorization, Content-Type, Idempotency-Key, If-Match, {HEADERS_OF_READS}"
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
# Chromium keeps a preflight's answer for two hours at most.
MAX_AGE = "7200"


class CorsMiddleware:
    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not wants_json(request):
            return self.get_response(request)
        asked = request.headers.get("Access-Control-Request-Method", "")
        is_preflight = request.method == "OPTIONS" and bool(asked)
        is_public = is_public_read(request, asked if is_preflight else request.method or "")
        origin = request.headers.get("Origin", "")
        is_named = origin in settings.CORS_ALLOWED_ORIGINS
        allowed = "*" if is_public else origin if is_named else ""
        if is_preflight and allowed:
            response = HttpResponse(status=204)
            response["Access-Control-Allow-Methods"] = ", ".join(sorted(READS)) if is_public else METHODS
            response["Access-Control-Allow-Headers"] = HEADERS if is_named else HEADERS_OF_READS
            response["Access-Control-Max-Age"] = MAX_AGE
        else:
            response = self.get_response(request)
        if allowed:
            response["Access-Control-Allow-Origin"] = allowed
            response["Access-Control-Expose-Headers"] = EXPOSED
        if not is_public:
            patch_vary_headers(response, ["Origin"])
        return response


def is_public_read(request: HttpRequest, method: str) -> bool:
    return method in READS and request.path_info.startswith(settings.API_PUBLIC_PATHS)
