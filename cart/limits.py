from django.conf import settings
from django.utils.crypto import salted_hmac

from shop import rate_limits
from shop.http import Request


def holder_of(request: Request) -> str:
    """For whom a guest's cart holds units: the address, in a form that tells nobody which one it is."""
    if request.user.is_authenticated:
        return ""
    return salted_hmac("cart.holder", request.client_address).hexdigest()


def limit_codes(request: Request) -> None:
    """Counts a try of a code, so that nobody finds one by trying. Raises RateLimited, and Unavailable uncounted."""
    rate_limits.check("coupon", rate_limits.subject_of(request))


def limit(request: Request, *, units: int = 0) -> None:
    """Counts a change of a cart and the `units` that it holds or holds for longer. Raises RateLimited.

    Units count against the person or, for a guest, against the address: a cart costs nothing to begin, and without
    this bound a program could begin as many as it takes to hold the whole shop.
    """
    rate_limits.check("cart", request.client_address)
    if units and settings.SHOP_HOLD_STOCK_AT == "cart":
        rate_limits.check("hold", rate_limits.subject_of(request), cost=min(units, settings.SHOP_MAX_QUANTITY))
