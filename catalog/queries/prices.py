from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import connection

from shop.countries import EUROPEAN_UNION

from ..models import Variant

# Where the lowest price of the 30 days before stands beside a reduction: the European Union and the European Economic
# Area, by article 6a of Directive 98/6/EC (put in by Directive (EU) 2019/2161).
TELLS_LOWEST = frozenset({*EUROPEAN_UNION, "IS", "LI", "NO"})

# A price holds from its entry to the next one. The last entry is the reduction: what held before it is looked at.
LOWEST = """
SELECT variant_id, min(price_minor) FROM (
    SELECT variant_id, price_minor, at,
        lead(at) OVER changes AS until, first_value(at) OVER (PARTITION BY variant_id ORDER BY id DESC) AS began
    FROM catalog_pricechange WHERE variant_id = ANY(%s)
    WINDOW changes AS (PARTITION BY variant_id ORDER BY id)
) AS held WHERE until > began - make_interval(days => %s)
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
