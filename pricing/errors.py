from collections.abc import Sequence
from typing import Any

from shop.errors import Conflict


class PriceChanged(Conflict):
    """The buyer saw another total than the one that holds now. Nothing was charged; the new one has to be accepted."""

    code = "price_changed"
    text = "A price has changed. Look at the new total before you order."

    def __init__(self, *, shown_minor: int, total_minor: int, lines: Sequence[dict[str, Any]] = ()) -> None:
        self.lines = list(lines)
        super().__init__(extra={"shownTotalMinor": shown_minor, "totalMinor": total_minor, "lines": self.lines})


class CouponInvalid(Conflict):
    """One text for every code that isn't one: who guesses learns nothing."""

    code = "coupon_invalid"
    text = "This code is not valid."


class CouponUsedUp(Conflict):
    code = "coupon_used_up"

    def __init__(self, title: str) -> None:
        super().__init__(f"{title} has been used up.", extra={"coupon": title})


class CouponNotApplicable(Conflict):
    """The order was to be placed with a code that doesn't count for it."""

    code = "coupon_not_applicable"

    def __init__(self, message: str, *, coupon: str, reason: str) -> None:
        super().__init__(message, extra={"coupon": coupon, "reason": reason})
