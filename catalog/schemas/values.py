"""Values of the JSON contract: what each may look like, and how it reads inside."""

import contextlib
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from ninja import Field
from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StrictInt,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from shop.api import Line, Price
from shop.money import to_minor, to_number
from shop.remote import is_public

from ..operations import ImageDraft

MAX_UNITS = 10**9
MAX_VARIANTS, MAX_IMAGES, MAX_ATTRIBUTES, MAX_OPTIONS = 100, 50, 100, 5
Draw = Callable[[str], ImageDraft]


def _below_the_most(price: Decimal) -> Decimal:
    if price >= MAX_UNITS:
        raise ValueError(f"Must be below {MAX_UNITS}.")
    return price


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("Must be one line of printable characters.")
    return text


def _scalar(value: Any) -> Any:
    if isinstance(value, str):
        if len(value) > 500:
            raise ValueError("At most 500 characters.")
        return value
    if isinstance(value, bool):
        return value
    if not isinstance(value, int | float | Decimal):
        raise ValueError("Must be a text, a number, true or false.")
    # `abs()` rounds to the context, where 1e999999999 overflows.
    if Decimal(value).copy_abs() >= 10**15:
        raise ValueError("Must be a number below 10^15.")
    return value


def _public_web_address(url: str) -> str:
    """Refuses what is nobody's public picture by the look of it; the fetcher checks where a name leads."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        valid = parts.scheme in {"http", "https"} and bool(host) and parts.username is None and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[\s\x00-\x20\x7f\\]", url):
        raise ValueError("Must be an http or https address.")
    if not url.startswith(media_address()) and not _may_be_public(host):
        raise ValueError("Must be a public address.")
    return url


def _may_be_public(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return False
    with contextlib.suppress(ValueError):
        return is_public(host)
    try:
        # The C library also reads 2130706433, 0x7f.1 and 127.1 as addresses.
        return is_public(socket.inet_ntoa(socket.inet_aton(host)))
    except (OSError, UnicodeError):
        return "." in host


@dataclass(frozen=True)
class Spelled:
    """A pattern, and the words for who misses it: pydantic has none but the expression itself."""

    pattern: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | {"pattern": f"^{self.pattern}$"}

    def check(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise ValueError(self.words)
        return text


Name = Annotated[Line, AfterValidator(_one_line), Field(min_length=1)]
Sku = Annotated[
    str, Field(min_length=1, max_length=64), Spelled(r"[A-Za-z0-9._/-]+", "Letters, digits and . _ / - only.")
]
Barcode = Annotated[str, Spelled(r"([0-9]{8,14})?", "8 to 14 digits.")]
UnitPrice = Annotated[Price, AfterValidator(_below_the_most)]
Units = Annotated[StrictInt, Field(ge=0, le=MAX_UNITS)]
Grams = Annotated[StrictInt, Field(ge=0, le=10**8)]
Code = Annotated[str, Spelled(r"[a-z0-9_-]{1,64}", "Small letters, digits, - and _ only, at most 64.")]
Scalar = Annotated[Any, BeforeValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean"]})]
ImageAddress = Annotated[str, Field(max_length=1000), AfterValidator(_public_web_address)]
Attributes = Annotated[dict[Code, Scalar], Field(max_length=MAX_ATTRIBUTES)]
Options = Annotated[dict[Code, Scalar], Field(max_length=MAX_OPTIONS)]
Images = Annotated[list[ImageAddress], Field(max_length=MAX_IMAGES)]
Alts = Annotated[list[Annotated[Line, AfterValidator(_one_line)]], Field(max_length=MAX_IMAGES)]
CategoryName = Annotated[str, AfterValidator(_one_line), Field(min_length=1, max_length=500)]
BrandName = Annotated[str, AfterValidator(_one_line), Field(max_length=120)]
TaxClassCode = Annotated[str, Field(max_length=32), Spelled(r"[a-z0-9_-]+", "Small letters, digits, - and _ only.")]


def minor(price: Decimal) -> int:
    return to_minor(price, settings.SHOP_CURRENCY)


def number(price_minor: int) -> float | int:
    return to_number(price_minor, settings.SHOP_CURRENCY)


def media_address() -> str:
    return f"{settings.SHOP_BASE_URL}{settings.MEDIA_URL}"


def picture_at(address: str) -> ImageDraft:
    """A picture by its address; one that this shop answered itself means the stored file."""
    if address.startswith(media_address()):
        return ImageDraft(file=unquote(address.removeprefix(media_address())))
    return ImageDraft(source_url=address)


def pictures(addresses: Sequence[str], alts: Sequence[str], draw: Draw) -> list[ImageDraft]:
    texts = [*alts, *[""] * len(addresses)]
    drafts = [draw(address) for address in addresses]
    return [_with_alt(draft, alt) for draft, alt in zip(drafts, texts, strict=False)]


def _with_alt(draft: ImageDraft, alt: str) -> ImageDraft:
    return ImageDraft(draft.source_url, draft.file, draft.digest, draft.width, draft.height, alt or draft.alt)
