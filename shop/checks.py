"""A setting that is wrong stops the start with its name, instead of selling by another rule than was meant."""

from email.utils import parseaddr
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.numbers import list_currencies
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

AT_LEAST_ONE = (
    "SHOP_HOLD_MINUTES",
    "SHOP_MAX_QUANTITY",
    "SHOP_MAX_HELD_UNITS",
    "SHOP_INVOICE_DAYS",
    "SHOP_KEEP_ORDER_DATA_YEARS",
)


@register
def shop_settings(app_configs: Any, **_: Any) -> list[CheckMessage]:
    errors: list[CheckMessage] = []
    if settings.SHOP_HOLD_STOCK_AT not in {"cart", "checkout"}:
        errors.append(Error("SHOP_HOLD_STOCK_AT must be `cart` or `checkout`.", id="shop.E001"))
    if settings.SHOP_VERIFY_EMAIL not in {"optional", "mandatory"}:
        errors.append(Error("SHOP_VERIFY_EMAIL must be `optional` or `mandatory`.", id="shop.E006"))
    if settings.SHOP_REVIEWS not in {"moderated", "auto"}:
        errors.append(Error("SHOP_REVIEWS must be `moderated` or `auto`.", id="shop.E007"))
    if settings.SHOP_CURRENCY not in list_currencies():
        errors.append(Error("SHOP_CURRENCY must be a currency's three capital letters, such as EUR.", id="shop.E002"))
    if not _is_locale(settings.SHOP_LOCALE):
        errors.append(Error("SHOP_LOCALE must be a language and a country, such as en_IE.", id="shop.E003"))
    for name in AT_LEAST_ONE:
        if getattr(settings, name) < 1:
            errors.append(Error(f"{name} must be at least 1.", id="shop.E004"))
    if settings.SHOP_ALLOW_FAILPOINTS and settings.TAKES_MONEY:
        errors.append(Error("SHOP_ALLOW_FAILPOINTS is for tests: it lets files kill the shop.", id="shop.E008"))
    return errors


@register(Tags.security, deploy=True)
def production_mail(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """A shop that can't write to its buyers, or to its staff, looks well until somebody waits for a mail."""
    warnings: list[CheckMessage] = []
    if settings.EMAIL_BACKEND == "django.core.mail.backends.filebased.EmailBackend":
        warnings.append(Warning("EMAIL_URL is not set: mails become files and reach nobody.", id="shop.W001"))
    for name in ("SHOP_STAFF_EMAIL", "DEFAULT_FROM_EMAIL"):
        if parseaddr(getattr(settings, name))[1].endswith("@example.com"):
            warnings.append(Warning(f"{name} is nobody's address: set your own.", id="shop.W002"))
    return warnings


def _is_locale(name: str) -> bool:
    try:
        Locale.parse(name)
    except (UnknownLocaleError, ValueError):
        return False
    return True
