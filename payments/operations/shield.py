"""Card testing: a thief tries stolen numbers on somebody's shop. Refused cards are counted by whom they come from.

Counted in Redis, in sorted sets that hold at most as many members as the rule needs and vanish after the window: by the
order, the e-mail address and the visitor's address, and for the whole shop beside the cards that worked. With Redis
away the books are counted instead, by stricter numbers: the door is narrower then, never open.
"""

import hashlib
import logging
import math
import time
from collections.abc import Iterator
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from redis.exceptions import RedisError

from orders.models import Order
from payments.models import Payment, PaymentEvent
from shop.errors import RateLimited
from shop.redis import client

from .ledger import alert

log = logging.getLogger(__name__)

WINDOW = 600
LIMIT = 20
# While hardly any card works in the whole shop, or Redis is away.
STRICT_LIMIT = 5
SHOP_DECLINES = 50
SHOP_DECLINES_WITHOUT_REDIS = 20
DECLINES_PER_PAYMENT = 4
ADDRESS_SECONDS = 7200
MAX_COUNTED = 1000


class CardsRefused(RateLimited):
    code = "too_many_declined_cards"
    text = "Too many cards were declined. Nothing was charged and your order is kept; please try again in a while."


def remember_address(payment: Payment, address: str) -> None:
    """Keeps where a payment was begun, for as long as its page is open: its declines are counted there too."""
    if not address:
        return
    try:
        client().set(f"shield:from:{payment.public_id}", address, ex=ADDRESS_SECONDS)
    except RedisError:
        log.warning("declines of %s can't be counted by address", payment)


def check(order: Order, *, address: str = "") -> None:
    """Raises CardsRefused, with the seconds to wait, where too many cards were declined within ten minutes."""
    try:
        wait = _wait(order, address)
    except RedisError:
        wait = _wait_without_redis(order)
    if wait:
        raise CardsRefused(headers={"Retry-After": str(wait)})


def is_tested_with(order: Order) -> bool:
    try:
        check(order)
    except CardsRefused:
        return True
    return False


def count_decline(payment: Payment, reference: str) -> None:
    """Counts a refused card, once by its reference, and tells staff when its source is shut out. After the commit."""
    try:
        address = client().get(f"shield:from:{payment.public_id}")
        found = address.decode() if isinstance(address, bytes) else str(address or "")
        for key in [*_keys(payment.order, found), "shield:shop:declined"]:
            _add(key, reference)
        limit = _limit()
        shut = [key for key in _keys(payment.order, found) if _wait_of(key, limit)]
        told = bool(shut) and client().set(f"shield:told:{shut[0]}", 1, nx=True, ex=WINDOW)
    except RedisError:
        return
    if told:
        with transaction.atomic():
            alert(payment, f"{limit} cards were declined within ten minutes: new payments from there wait")


def count_capture(payment: Payment) -> None:
    """Counts a card that worked, for the shop's ratio."""
    try:
        _add("shield:shop:paid", payment.public_id)
    except RedisError:
        log.info("Redis is away: a payment is not counted")


def _wait(order: Order, address: str) -> int:
    limit = _limit()
    return max(_wait_of(key, limit) for key in _keys(order, address))


def _wait_of(key: str, limit: int) -> int:
    """Seconds until fewer than `limit` declines are left in the window; 0 when it is so now."""
    now = time.time()
    newest = client().zrevrangebyscore(key, "+inf", now - WINDOW, start=limit - 1, num=1, withscores=True)
    return max(1, math.ceil(float(newest[0][1]) + WINDOW - now)) if newest else 0


def _limit() -> int:
    """Lower while somebody tests cards all over the shop, from many addresses: hardly any works."""
    since = time.time() - WINDOW
    declined = int(client().zcount("shield:shop:declined", since, "+inf"))
    if declined < SHOP_DECLINES:
        return LIMIT
    paid = int(client().zcount("shield:shop:paid", since, "+inf"))
    return STRICT_LIMIT if declined > paid * DECLINES_PER_PAYMENT else LIMIT


def _keys(order: Order, address: str) -> Iterator[str]:
    yield f"shield:order:{order.public_id}"
    yield f"shield:email:{hashlib.sha256(order.email.lower().encode()).hexdigest()[:32]}"
    if address:
        yield f"shield:address:{address}"


def _add(key: str, member: str) -> None:
    now = time.time()
    keep = MAX_COUNTED if key.startswith("shield:shop:") else LIMIT + 1
    with client().pipeline() as pipe:
        pipe.zadd(key, {member: now}, nx=True)
        pipe.zremrangebyscore(key, 0, now - WINDOW)
        pipe.zremrangebyrank(key, 0, -keep - 1)
        pipe.expire(key, WINDOW)
        pipe.execute()


def _wait_without_redis(order: Order) -> int:
    since = timezone.now() - timedelta(seconds=WINDOW)
    declined = PaymentEvent.objects.filter(
        kind=PaymentEvent.Kind.AUTHORIZE, phase=PaymentEvent.Phase.FAILURE, created_at__gte=since
    )
    of_buyer = declined.filter(Q(payment__order=order) | Q(payment__order__email__iexact=order.email))
    is_tested = of_buyer.count() >= STRICT_LIMIT or declined.count() >= SHOP_DECLINES_WITHOUT_REDIS
    return WINDOW if is_tested else 0
