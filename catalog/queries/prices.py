from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import connection

from shop.countries import EUROPEAN_UNION

from ..models import Variant

# Where the lowest price of the 30 days before stands beside a reduction: the European Union and the European Economic
# Area, by article 6a of Directive 98/6/EC (put in by Directive (EU) 2019/2161).
TELLS_LOWEST = frozenset({*EUROPEAN_UNION, "IS", "LI", "NO"})

# A price holds from its entry to the next one. The reduction is the last entry, with those right before it that ask the
# same and are reduced too: a list price that changes under a fixed sale price begins nothing. What held before it is
# looked at.
LOWEST = """
WITH entry AS (
    SELECT *, lead(at) OVER (PARTITION BY variant_id ORDER BY id) AS until,
        (price_minor, compare_at_minor IS NULL)
            = first_value((price_minor, compare_at_minor IS NULL)) OVER latest_first AS is_alike
    FROM catalog_pricechange WHERE variant_id = ANY(%s)
    WINDOW latest_first AS (PARTITION BY variant_id ORDER BY id DESC)
), held AS (
    SELECT *, bool_and(is_alike) OVER (PARTITION BY variant_id ORDER BY id DESC) AS is_present FROM entry
)
SELECT variant_id, min(price_minor) FROM (
    SELECT *, min(at) FILTER (WHERE is_present) OVER (PARTITION BY variant_id) AS began FROM held
) AS dated WHERE NOT is_present AND until > began - make_interval(days => %s)
GROUP BY 1
"""


def lowest_prices(variants: Iterable[Variant], *, days: int = 30) -> dict[int, int]:
    """What each variant cost at the lowest in the days before it got its present price, in minor units, by key.

    One query whatever their number. Absent is a variant that never cost anything else.
    """
    ids = [variant.pk for variant in variants]
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(LOWEST, [ids, days])
        return dict(cursor.fetchall())


def lowest_to_tell(variants: Iterable[Variant], now: datetime) -> dict[int, int]:
    """The same for those with a reduction that is announced, where the law wants it said."""
    if settings.SHOP_COUNTRY not in TELLS_LOWEST:
        return {}
    return lowest_prices(variant for variant in variants if variant.compare_at(now) is not None)
