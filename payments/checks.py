from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register
def stripe_settings(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Without the secret every message from Stripe would be refused, and payments settle minutes late or never."""
    if settings.STRIPE_SECRET_KEY and not settings.STRIPE_WEBHOOK_SECRET:
        return [Error("STRIPE_SECRET_KEY is set, and STRIPE_WEBHOOK_SECRET is not.", id="payments.E001")]
    return []


@register
def capture_setting(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """A typing mistake would take the money of every order at once."""
    if settings.SHOP_CAPTURE not in {"automatic", "manual"}:
        return [Error("SHOP_CAPTURE is `automatic` or `manual`.", id="payments.E002")]
    return []
