from django.conf import settings

from shop import rate_limits
from shop.http import Request


def limit_holds(request: Request, units: int) -> None:
    """Counts units that checkout is about to hold, where the cart has not held and counted them before.

    Raises RateLimited: else a program could begin as many checkouts as it takes to hold the whole shop.
    """
    if settings.SHOP_HOLD_STOCK_AT == "checkout":
        rate_limits.check("hold", rate_limits.subject_of(request), cost=min(units, rate_limits.LIMITS["hold"].burst))
