"""Countries by their ISO 3166 code, named in the shop's language."""

from functools import cache

from babel import Locale
from django.conf import settings

# What CLDR lists beside the countries of ISO 3166: unions, dependencies without a code of their own, test regions.
NOT_COUNTRIES = frozenset({"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"})

# fmt: off
EUROPEAN_UNION = (
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
)
# fmt: on


@cache
def countries() -> dict[str, str]:
    """Names by code, in the order of the names."""
    names = {str(code): str(name) for code, name in Locale.parse(settings.SHOP_LOCALE).territories.items()}
    codes = [code for code in names if len(code) == 2 and code.isalpha() and code not in NOT_COUNTRIES]
    return {code: names[code] for code in sorted(codes, key=names.__getitem__)}
