"""`Cache-Control`, `ETag` and 304 for the API's reads, and `If-Match` for its writes.

An ETag is a hash of the whole answer, since much of it (stock, prices) changes without the thing's own version. Where
an endpoint has set `request.version`, the tag begins with it: `"7-b6d1..."`. `If-None-Match` compares the whole tag;
`If-Match` only the version, because a sale meanwhile must not refuse an editor who changes the description.
"""

import hashlib
import re

from django.http import HttpResponse, HttpResponseNotModified
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags

from .cross_origin import is_public_read
from .http import Request
from .middleware import GetResponse
from .responses import wants_json

VERSIONED = re.compile(r'"(\d{1,9})-[0-9a-f]+"')
# RFC 9110, 15.4.5: what a cache must learn with a 304 too.
KEPT = ("Cache-Control", "Content-Location", "Date", "ETag", "Expires", "Link", "Vary")


class ConditionalMiddleware:
    """Stock changes at any time, so the catalogue may be kept but must be asked for anew; all else is not kept."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        if not wants_json(request):
            return self.get_response(request)
        is_head = request.method == "HEAD"
        if is_head:
            # The endpoints know GET alone; what they answer to it is what a HEAD is about.
            request.method = "GET"
        response = self.get_response(request)
        set_cache_control(request, response)
        if request.method == "GET" and response.status_code == 200 and not response.streaming:
            response["ETag"] = etag_of(request, response)
            if has_it_already(request, response["ETag"]):
                response = not_modified(response)
        if is_head:
            request.method = "HEAD"
            if response.status_code != 304:
                # Of a 304 it would tell that the answer, which the client has, is empty.
                response["Content-Length"] = str(len(response.content))
            response.content = b""
        return response


def set_cache_control(request: Request, response: HttpResponse) -> None:
    if response.has_header("Cache-Control"):
        return
    if response.status_code != 200 or not is_public_read(request, request.method or ""):
        response["Cache-Control"] = "private, no-store"
        return
    response["Cache-Control"] = "private, no-cache" if request.user.is_authenticated else "public, no-cache"
    # Staff read what others don't.
    patch_vary_headers(response, ["Authorization", "Cookie"])


def etag_of(request: Request, response: HttpResponse) -> str:
    digest = hashlib.sha256(response.content).hexdigest()[:32]
    version = getattr(request, "version", None)
    return f'"{digest}"' if version is None else f'"{version}-{digest}"'


def has_it_already(request: Request, etag: str) -> bool:
    """By RFC 9110 weak tags count here."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return known == ["*"] or etag in {tag.removeprefix("W/") for tag in known}


def not_modified(response: HttpResponse) -> HttpResponse:
    bare = HttpResponseNotModified(headers={name: response[name] for name in KEPT if response.has_header(name)})
    bare.cookies = response.cookies
    return bare


def expected_versions(request: Request) -> frozenset[int] | None:
    """The versions of which `If-Match` accepts any; None when every one is right.

    A weak tag or one that is not ours accepts none: who asked for care must not overwrite by accident.
    """
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return None
    found = (VERSIONED.fullmatch(tag) for tag in parse_etags(given))
    return frozenset(int(match[1]) for match in found if match)
