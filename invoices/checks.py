from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


@register(Tags.compatibility, deploy=True)
def seller_settings(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """An invoice without the seller's address and tax number is none to most tax offices."""
    missing = [name for name in ("SHOP_SELLER_ADDRESS", "SHOP_SELLER_TAX_ID") if not getattr(settings, name)]
    return [Warning(f"{name} is not set: invoices lack it.", id="invoices.W001") for name in missing]
