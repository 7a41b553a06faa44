from typing import Any

from django.conf import settings
from django.http import HttpRequest


def shop(request: HttpRequest) -> dict[str, Any]:
    return {"shop_name": settings.SHOP_NAME, "prices_include_tax": settings.SHOP_PRICES_INCLUDE_TAX}
