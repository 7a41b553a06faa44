"""What must be read again but not from a copy of the database alone: sealed with a key derived from `SECRET_KEY`."""

import base64
import hashlib

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def box(purpose: str) -> MultiFernet:
    """Seals with today's key and opens what an earlier one of `SECRET_KEY_FALLBACKS` sealed, for this purpose alone.

    `decrypt` raises `cryptography.fernet.InvalidToken` when the key is gone.
    """
    return MultiFernet([Fernet(_derived(purpose, str(key))) for key in _keys()])


def _keys() -> list[str | bytes]:
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def _derived(purpose: str, key: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(purpose.encode() + key.encode()).digest())
