"""Codes of authenticator apps: RFC 6238 with SHA-1, six digits and thirty seconds, which is what all apps speak."""

import base64
import io
from datetime import datetime

import pyotp
import qrcode
from django.conf import settings
from django.utils.crypto import constant_time_compare
from qrcode.image.svg import SvgPathImage

STEP_SECONDS = 30
# One step either way: a phone's clock may be wrong, and a person types slowly.
TOLERANCE = (0, -1, 1)


def new_secret() -> str:
    return pyotp.random_base32()


def step_at(now: datetime) -> int:
    return int(now.timestamp()) // STEP_SECONDS


def code_at(secret: str, step: int) -> str:
    return pyotp.TOTP(secret).generate_otp(step)


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is, so that the caller can refuse it the second time."""
    if not secret:
        return None
    steps = (step_at(now) + drift for drift in TOLERANCE)
    return next((step for step in steps if constant_time_compare(code, code_at(secret, step))), None)


def address(secret: str, email: str) -> str:
    """What the app reads from the picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=settings.SHOP_NAME)


def picture(address: str) -> str:
    """A QR code as a `data:` address: the secret stands in no URL, and the page needs no second request."""
    svg = io.BytesIO()
    qrcode.make(address, image_factory=SvgPathImage).save(svg)
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.getvalue()).decode()}"
