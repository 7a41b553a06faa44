"""The JSON conventions, once: camelCase, the `{success, data}` envelope, errors, signed-in callers, strict bodies."""

import logging
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.parser import Parser
from ninja.security.base import AuthBase
from ninja.types import DictStrAny
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StrictInt,
    model_serializer,
)
from pydantic.alias_generators import to_camel

from . import idempotency, strict_json
from .errors import DomainError, Forbidden, InvalidInput, NotFound, Unauthenticated, Unavailable
from .money import to_minor
from .responses import error_response

log = logging.getLogger(__name__)

T = TypeVar("T")


# --- Bodies and answers


class Answer(Schema):
    """Base of everything that leaves: camelCase names."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Body(Schema):
    """Base of everything that comes in: camelCase names; a name that nobody knows is an error, not a typo swallowed.

    A form that has the same rules under Python's names validates `by_name=True`.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", str_strip_whitespace=True)


class Envelope(Answer, Generic[T]):
    success: Literal[True] = True
    data: T


class Pagination(Answer):
    limit: int
    offset: int
    total: int
    has_more: bool
    total_is_estimate: bool | None = Field(None, description="Only where the rows were not counted to their end.")
    next_cursor: str | None = Field(None, description="Where to read on; absent at the end.")

    # Without a return type: pydantic would describe that type to clients, instead of these fields.
    @model_serializer(mode="wrap")
    def _without_what_is_absent(self, serialize: SerializerFunctionWrapHandler):  # type: ignore[no-untyped-def]
        return {name: value for name, value in serialize(self).items() if value is not None}


class PagedEnvelope(Answer, Generic[T]):
    success: Literal[True] = True
    data: list[T]
    pagination: Pagination


class Failure(Answer):
    success: Literal[False] = False
    error: str
    code: str
    fields: dict[str, list[str]] | None = None
    request_id: str


def _real_number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("Must be a number.")
    return Decimal(str(value))


def _in_currency(value: Decimal) -> Decimal:
    try:
        to_minor(value, settings.SHOP_CURRENCY)
    except ValueError as error:
        raise ValueError(f"Not an amount in {settings.SHOP_CURRENCY}: {error}.") from error
    return value


def _without_control_characters(value: str, allowed: str = "") -> str:
    if any(unicodedata.category(character) == "Cc" and character not in allowed for character in value):
        raise ValueError("Contains characters that can't be shown.")
    return value


def _of_several_lines(value: str) -> str:
    return _without_control_characters(value, allowed="\t\n\r")


Price = Annotated[Decimal, BeforeValidator(_real_number), AfterValidator(_in_currency), Field(ge=0)]
"""A JSON number in the shop's currency, with no more decimals than the currency has."""
Quantity = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]
Line = Annotated[str, AfterValidator(_without_control_characters), Field(max_length=200)]
Text = Annotated[str, AfterValidator(_of_several_lines), Field(max_length=20_000)]


class UnsupportedMediaType(DomainError):
    code = "unsupported_media_type"
    status = 415
    text = "Send application/json."


class TooLarge(DomainError):
    code = "too_large"
    status = 413
    text = "The body is too large."


class InvalidJson(DomainError):
    code = "invalid_json"
    text = "The body is not valid JSON."


class StrictJsonParser(Parser):
    """`strict_json`, sent as application/json, of at most `max_bytes`.

    Below the paths of `large` only Django's own limit counts.
    """

    def __init__(self, *, max_bytes: int = 64 * 1024, large: tuple[str, ...] = ()) -> None:
        self.max_bytes = max_bytes
        self.large = large

    def parse_body(self, request: HttpRequest) -> DictStrAny:
        if request.content_type not in {"application/json", ""}:
            raise UnsupportedMediaType
        if len(request.body) > self.max_bytes and not request.path_info.startswith(self.large):
            raise TooLarge
        body: DictStrAny = strict_json.loads(request.body.decode("utf-8"))
        return body


# --- Who asks


class SignedIn(AuthBase):
    """The session or the bearer token; the middlewares have already turned either into `request.user`."""

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_description = (
        "A person's token, as `POST /api/users/login` answers it; the site's own pages use their session."
    )

    def __call__(self, request: HttpRequest) -> Any:
        if not request.user.is_authenticated:
            raise Unauthenticated
        return request.user


class Staff(SignedIn):
    """A member of staff who holds the permission: `app.verb_model`."""

    openapi_description = "The token of a member of staff who holds the permission for this."

    def __init__(self, permission: str) -> None:
        self.permission = permission
        super().__init__()

    def __call__(self, request: HttpRequest) -> Any:
        user = super().__call__(request)
        if not (user.is_staff and user.has_perm(self.permission)):
            raise Forbidden
        return user


signed_in = SignedIn()

# For `openapi_extra`: what ninja can't read from an endpoint's signature.
OPTIONAL_BEARER: DictStrAny = {"security": [{}, {SignedIn.__name__: []}]}
IDEMPOTENT: DictStrAny = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "maxLength": idempotency.MAX_LENGTH},
            "description": "Chosen by the sender, one for each wish: sent again, it gets the first answer again.",
        }
    ]
}


CONDITIONAL: DictStrAny = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "The `ETag` of what was read: the write is refused when it has changed since.",
        }
    ]
}


# --- Errors


def install_error_handlers(api: NinjaAPI) -> None:
    """Every exception that an endpoint can raise becomes one shape with a fixed text."""

    @api.exception_handler(DomainError)
    def domain_error(request: HttpRequest, error: DomainError) -> HttpResponse:
        return error_response(request, error)

    @api.exception_handler(ValidationError)
    def validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
        return error_response(request, InvalidInput(fields=fields_of(error.errors)))

    @api.exception_handler(AuthenticationError)
    def authentication_error(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        return error_response(request, Unauthenticated())

    @api.exception_handler(Http404)
    def not_found(request: HttpRequest, error: Http404) -> HttpResponse:
        return error_response(request, NotFound())

    @api.exception_handler(RequestDataTooBig)
    def too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
        return error_response(request, TooLarge())

    @api.exception_handler(HttpError)
    def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
        """ninja wraps whatever the parser raises into "cannot parse", our own refusals too."""
        refusal = error.__cause__
        return error_response(request, refusal if isinstance(refusal, DomainError) else InvalidJson())

    @api.exception_handler(InterfaceError)
    @api.exception_handler(OperationalError)
    def busy(request: HttpRequest, error: Exception) -> HttpResponse:
        log.exception("request %s: the database did not carry it out", getattr(request, "id", ""))
        return error_response(request, Unavailable(headers={"Retry-After": "5"}))

    @api.exception_handler(Exception)
    def unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
        log.exception("request %s failed", getattr(request, "id", ""))
        failure = DomainError("Something went wrong on our side.", code="internal_error", status=500)
        return error_response(request, failure)


def fields_of(errors: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """pydantic's errors, in plain words, by field path as the sender wrote it: `variants.0.price`."""
    fields: dict[str, list[str]] = defaultdict(list)
    for error in errors:
        location = [str(part) for part in error["loc"] if part not in NOT_THE_SENDERS]
        fields[".".join(location) or "body"].append(words_of(error))
    return dict(fields)


NOT_THE_SENDERS = {"body", "query", "path", "payload", "filters", "[key]"}
REQUIRED = "This field is required."
WHOLE_NUMBER, NUMBER, TEXT = "Must be a whole number.", "Must be a number.", "Must be text."
YES_OR_NO, LIST, OBJECT = "Must be true or false.", "Must be a list.", "Must be an object."
EMPTY = "Must not be empty."
WORDS = {
    "missing": REQUIRED,
    "extra_forbidden": "Unknown field.",
    "string_too_short": "At least {min_length} characters.",
    "string_too_long": "At most {max_length} characters.",
    "too_short": "At least {min_length} entries.",
    "too_long": "At most {max_length} entries.",
    "greater_than": "Must be above {gt}.",
    "greater_than_equal": "Must be at least {ge}.",
    "less_than": "Must be below {lt}.",
    "less_than_equal": "Must be at most {le}.",
    "literal_error": "Must be one of: {expected}.",
    "enum": "Must be one of: {expected}.",
    **dict.fromkeys(["int_type", "int_parsing", "int_parsing_size", "int_from_float"], WHOLE_NUMBER),
    **dict.fromkeys(["float_type", "float_parsing", "decimal_type", "decimal_parsing", "finite_number"], NUMBER),
    **dict.fromkeys(["string_type", "string_unicode"], TEXT),
    **dict.fromkeys(["bool_type", "bool_parsing"], YES_OR_NO),
    **dict.fromkeys(["list_type", "tuple_type", "set_type"], LIST),
    **dict.fromkeys(["dict_type", "mapping_type", "model_type", "model_attributes_type"], OBJECT),
}


def words_of(error: Mapping[str, Any]) -> str:
    """Never pydantic's own sentence: it speaks to the programmer and may show our insides. Our own texts stay."""
    kind, limits = error["type"], dict(error.get("ctx", {}))
    if kind == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    if limits.get("min_length") == 1:
        return EMPTY
    if "expected" in limits:
        limits["expected"] = limits["expected"].replace("'", "").replace(" or ", ", ")
    return WORDS.get(kind, "Not a valid value.").format(**limits)
