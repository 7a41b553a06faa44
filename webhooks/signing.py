"""Secrets and signatures of the Standard Webhooks specification (standardwebhooks.com)."""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime

from cryptography.fernet import InvalidToken
from standardwebhooks import Webhook

from shop.sealing import box

PURPOSE = "webhooks.signing"
SECRET_BYTES = 32


class SecretLost(Exception):
    """`SECRET_KEY` was changed and the old one is not among its fallbacks: the endpoint needs a new secret."""


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def seal(secret: str) -> str:
    return box(PURPOSE).encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    try:
        return box(PURPOSE).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SecretLost from None


def headers(message_id: str, body: str, sealed: Sequence[str], *, at: datetime) -> dict[str, str]:
    """One signature of each secret: while a new one takes over, a receiver may know either."""
    signatures = [Webhook(unseal(secret)).sign(message_id, at, body) for secret in sealed]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
