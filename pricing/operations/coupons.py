"""Uses of promotions and coupons: each counted with its order, and given back once when that comes to nothing."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.crypto import salted_hmac

from ..errors import CouponInvalid, CouponUsedUp
from ..models import Coupon, Promotion, PromotionUse
from .promotions import Applied

# Crockford's: no letter that is read as a digit. 16 of 32 characters are 80 bits: not to be guessed.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PARTS, PART_LENGTH = 4, 4
State = PromotionUse.State
Row = TypeVar("Row", Promotion, Coupon)
# The guard of every use. Waiting for a rival's COMMIT, PostgreSQL reads the row again before it answers.
GUARD = Q(usage_limit__isnull=True) | Q(used__lt=F("usage_limit"))


def find_coupon(code: str) -> Coupon:
    """The coupon of a code as somebody typed it. Raises CouponInvalid, which tells nothing but that."""
    folded = Coupon.fold(code)
    # A NUL in it would be an error of the database.
    if not folded.isprintable():
        raise CouponInvalid
    coupon = Coupon.objects.select_related("promotion").filter(folded=folded, is_active=True).first()
    if coupon is None:
        raise CouponInvalid
    return coupon


def customer_key(email: str) -> str:
    """One key for all orders of an e-mail address, by an account or not, which doesn't tell the address."""
    return salted_hmac("pricing.customer", email.strip().lower(), algorithm="sha256").hexdigest()


@transaction.atomic
def claim(applied: Sequence[Applied], *, reference: str, customer: str, now: datetime) -> None:
    """Counts one use of everything that was applied to an order, in the transaction that places it.

    Raises CouponUsedUp, naming what is used up by now. Locks: coupons by id, then promotions by id.
    """
    if not applied:
        return
    coupons = {each.coupon.pk: each.coupon for each in applied if each.coupon}
    for pk in sorted(coupons):
        _count(Coupon, pk, customer, title=coupons[pk].code)
    names = {each.promotion.pk: each.code or each.name for each in applied}
    for promotion in _steady(names):
        if promotion.is_counted:
            _count(Promotion, promotion.pk, customer, title=names[promotion.pk])
    # Of an order that is edited: what it used before was given back a moment ago.
    PromotionUse.objects.filter(reference=reference, state=State.GIVEN_BACK).delete()
    PromotionUse.objects.bulk_create(
        PromotionUse(
            promotion=each.promotion, coupon=each.coupon, reference=reference, customer=customer, created_at=now
        )
        for each in applied
    )


@transaction.atomic
def give_back(reference: str) -> int:
    """Uncounts what the order used; a second time changes nothing. Returns how many uses came back.

    Locks: the uses, coupons by id, then promotions by id. The caller holds the order.
    """
    uses = list(PromotionUse.objects.select_for_update().filter(reference=reference, state=State.CLAIMED))
    if not uses:
        return 0
    PromotionUse.objects.filter(pk__in=[use.pk for use in uses]).update(state=State.GIVEN_BACK)
    for coupon in sorted(use.coupon_id for use in uses if use.coupon_id):
        Coupon.objects.filter(pk=coupon).update(used=F("used") - 1)
    # Locked before it is looked at: `count_anew` may be about to start counting, with this use or without it.
    rows = Promotion.objects.select_for_update(no_key=True).filter(pk__in=[use.promotion_id for use in uses])
    for promotion in rows.order_by("pk"):
        if promotion.is_counted:
            Promotion.objects.filter(pk=promotion.pk).update(used=F("used") - 1)
    return len(uses)


def count_anew(promotion: Promotion) -> int:
    """How often the promotion is used, with no order on its way to use it: what `used` must be when a limit is set.

    Locks: the promotion, until the caller's transaction ends.
    """
    Promotion.objects.select_for_update().get(pk=promotion.pk)
    return promotion.uses.filter(state=State.CLAIMED).count()


@transaction.atomic
def make_coupons(promotion: Promotion, count: int, *, usage_limit: int | None = 1) -> list[Coupon]:
    """New random codes for the promotion, good for `usage_limit` orders each."""
    coupons = [Coupon(promotion=promotion, code=new_code(), usage_limit=usage_limit) for _ in range(count)]
    return Coupon.objects.bulk_create(coupons, batch_size=1000)


def new_code() -> str:
    parts = ("".join(secrets.choice(ALPHABET) for _ in range(PART_LENGTH)) for _ in range(PARTS))
    return "-".join(parts)


def _steady(pks: Sequence[int] | dict[int, str]) -> list[Promotion]:
    """The promotions as they are now. None gets or loses a limit before we are done: see `count_anew`.

    Orders don't wait for each other at this lock, which Django has no word for.
    """
    return list(
        Promotion.objects.raw(
            "SELECT * FROM pricing_promotion WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", [sorted(pks)]
        )
    )


def _count(model: type[Row], pk: int, customer: str, *, title: str) -> None:
    rows: QuerySet[Row] = model._default_manager.filter(pk=pk)
    if not rows.filter(GUARD).update(used=F("used") + 1):
        raise CouponUsedUp(title)
    # Behind the row's lock: of two orders of one customer the second counts the first.
    row = rows.get()
    if row.limit_per_customer is not None:
        uses = row.uses.filter(customer=customer, state=State.CLAIMED).count()
        if uses >= row.limit_per_customer:
            raise CouponUsedUp(title)
