"""The copy of a cart in Redis, for reading. PostgreSQL rules: a cold or absent Redis changes only how long it takes."""

import json
import logging
from datetime import datetime
from typing import Any

from redis.exceptions import RedisError

from shop.redis import client

from .models import CartSnapshot

log = logging.getLogger(__name__)

# A copy that could not be replaced, because Redis was away or this process died after its commit, is the cart of a
# moment ago. No signal can be relied on then, so every copy ends by itself: who looks later reads PostgreSQL once.
# Nothing but a page can be wrong meanwhile: every change, and the order, reads the row under its lock.
KEEP_SECONDS = 60
# Raised whenever the packed fields change: a release must not read the copies of the one before.
FORMAT = 2
# Two writers may arrive here in the wrong order after their commits; the newer version stays.
STORE = """
local stored = redis.call('HGET', KEYS[1], 'version')
if not stored or tonumber(stored) < tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[1], 'version', ARGV[1], 'cart', ARGV[2])
    redis.call('EXPIRE', KEYS[1], ARGV[3])
end
"""
TIMES = ("checkout_started_at", "created_at", "updated_at")
PLAIN = ("id", "public_id", "user_id", "state", "version", "lines", "coupon_codes")


def read(public_id: str) -> CartSnapshot | None:
    """The cart as of its last commit, from Redis or else from PostgreSQL; None if there never was one."""
    try:
        if packed := client().hget(_key(public_id), "cart"):
            return _unpack(json.loads(packed))
    except RedisError as error:
        log.warning("cart read without redis: %s", type(error).__name__)
    snapshot = CartSnapshot.objects.filter(public_id=public_id).first()
    if snapshot:
        write(snapshot)
    return snapshot


def write(snapshot: CartSnapshot) -> None:
    """Stores the snapshot unless a newer one is there. Called after the commit that made it."""
    try:
        packed = json.dumps(_pack(snapshot))
        client().eval(STORE, 1, _key(snapshot.public_id), snapshot.version, packed, KEEP_SECONDS)
    except RedisError as error:
        log.warning("cart copy not written: %s", type(error).__name__)


def forget(public_ids: list[str]) -> None:
    """Drops the copies of carts that are deleted. Called after the commit that deleted them."""
    try:
        if public_ids:
            client().delete(*map(_key, public_ids))
    except RedisError as error:
        log.warning("cart copies not dropped: %s", type(error).__name__)


def _key(public_id: str) -> str:
    return f"cart:{FORMAT}:{public_id}"


def _pack(snapshot: CartSnapshot) -> dict[str, Any]:
    times = {name: value.isoformat() if (value := getattr(snapshot, name)) else None for name in TIMES}
    return {name: getattr(snapshot, name) for name in PLAIN} | times


def _unpack(packed: dict[str, Any]) -> CartSnapshot:
    times = {name: datetime.fromisoformat(packed[name]) if packed[name] else None for name in TIMES}
    return CartSnapshot(**{name: packed[name] for name in PLAIN} | times)
