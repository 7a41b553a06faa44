from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


@register(Tags.security, deploy=True)
def staff_have_second_factors(app_configs: Any, **_: Any) -> list[CheckMessage]:
    if settings.SHOP_STAFF_MFA:
        return []
    hint = "Leave SHOP_STAFF_MFA and SHOP_DEV_PAGES unset. Staff are led to setting one up when they sign in."
    return [Warning("SHOP_STAFF_MFA is off: a staff password alone opens the admin.", hint=hint, id="accounts.W001")]
