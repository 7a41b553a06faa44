"""What is offered at a moment, in at most three queries however many promotions there are."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from .models import Coupon, Promotion, PromotionUse
from .operations import Candidate, Customer, Offers

NOBODY = Customer()


def offers(codes: Sequence[str], *, customer: Customer = NOBODY, now: datetime) -> Offers:
    """The promotions that run by themselves and those that `codes` open, even when they don't apply any more."""
    coupons = _coupons(codes)
    running = Promotion.objects.running(now).filter(needs_coupon=False)
    pairs: list[tuple[Promotion, Coupon | None]] = [(promotion, None) for promotion in running]
    pairs += [(coupon.promotion, coupon) for coupon in coupons.values()]
    by_promotion, by_coupon = _uses(pairs, customer)
    return Offers(
        candidates=tuple(
            Candidate(promotion, coupon, by_promotion[promotion.pk], by_coupon[coupon.pk] if coupon else 0)
            for promotion, coupon in pairs
        ),
        unknown=tuple(code for code in codes if Coupon.fold(code) not in coupons),
        customer=customer,
        now=now,
    )


def _coupons(codes: Sequence[str]) -> dict[str, Coupon]:
    if not codes:
        return {}
    rows = Coupon.objects.select_related("promotion").filter(folded__in=[Coupon.fold(code) for code in codes])
    return {coupon.folded: coupon for coupon in rows.order_by("pk")}


def _uses(
    pairs: Sequence[tuple[Promotion, Coupon | None]], customer: Customer
) -> tuple[Counter[int], Counter[int | None]]:
    """How often the customer has used each promotion and each coupon, asked only where it is limited."""
    limited = {
        promotion.pk
        for promotion, coupon in pairs
        if any(row and row.limit_per_customer is not None for row in (promotion, coupon))
    }
    if not limited or not customer.key:
        return Counter(), Counter()
    uses = PromotionUse.objects.filter(
        promotion__in=limited, customer=customer.key, state=PromotionUse.State.CLAIMED
    ).values_list("promotion_id", "coupon_id")
    return Counter(promotion for promotion, _ in uses), Counter(coupon for _, coupon in uses if coupon)
