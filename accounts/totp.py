"""Codes of authenticator apps: RFC 6238 with SHA-1, six digits and thirty seconds, which is what all apps speak."""

import base64
import hashlib
import hmac
import io
import secrets
import struct
from datetime import datetime
from urllib.parse import quote, urlencode

import qrcode
from django.conf import settings
from django.utils.crypto import constant_time_compare
from qrcode.image.svg import SvgPathImage

STEP_SECONDS, DIGITS = 30, 6
# One step either way: a phone's clock may be wrong, and a person types slowly.
TOLERANCE = (0, -1, 1)


def new_secret() -> str:
    return base64.b32encode(secrets.token_bytes(20)).decode()


def step_at(now: datetime) -> int:
    return int(now.timestamp()) // STEP_SECONDS


def code_at(secret: str, step: int) -> str:
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is, so that the caller can refuse it the second time."""
    if not secret:
        return None
    steps = (step_at(now) + drift for drift in TOLERANCE)
    return next((step for step in steps if constant_time_compare(code, code_at(secret, step))), None)


def address(secret: str, email: str) -> str:
    """What the app reads from the picture."""
    shop = settings.SHOP_NAME
    return f"otpauth://totp/{quote(f'{shop}:{email}')}?{urlencode({'secret': secret, 'issuer': shop}, quote_via=quote)}"


def picture(address: str) -> str:
    """A QR code as a `data:` address: the secret stands in no URL, and the page needs no second request."""
    svg = io.BytesIO()
    qrcode.make(address, image_factory=SvgPathImage).save(svg)
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.getvalue()).decode()}"
