"""Token buckets in Redis, one for each (class of request, subject). Pages and the API count through `check`.

A bucket holds `burst` tokens and gains `per_minute` a minute. Without Redis reads go on and the classes that guard
secrets stop: guessing passwords must not get easier because a server is away.
"""

import time
from dataclasses import dataclass

from redis.exceptions import RedisError

from .errors import RateLimited, Unavailable
from .http import Request
from .redis import client

TAKE = """
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local burst, rate, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tokens = math.min(burst, (tonumber(bucket[1]) or burst) + math.max(0, now - (tonumber(bucket[2]) or now)) * rate)
local cost = tonumber(ARGV[4])
local taken = tokens >= cost
if taken then tokens = tokens - cost end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
redis.call('EXPIRE', KEYS[1], math.ceil(burst / rate) + 1)
return taken and -1 or math.ceil((cost - tokens) / rate)
"""


@dataclass(frozen=True)
class Limit:
    per_minute: float
    burst: int
    guards_secrets: bool = False


LIMITS = {
    "sign_in": Limit(per_minute=5, burst=10, guards_secrets=True),
    "sign_in_address": Limit(per_minute=30, burst=60, guards_secrets=True),
    "register": Limit(per_minute=5, burst=10, guards_secrets=True),
    "cart": Limit(per_minute=120, burst=60),
    # Units, not requests. Holds end after minutes, so this bounds what one visitor can keep from everybody else.
    "hold": Limit(per_minute=20, burst=300),
    "checkout": Limit(per_minute=20, burst=20),
}


def check(name: str, subject: str, cost: int = 1) -> None:
    """Takes `cost` tokens or raises RateLimited with `Retry-After` in seconds."""
    limit = LIMITS[name]
    bucket = (limit.burst, limit.per_minute / 60)
    try:
        wait = client().eval(TAKE, 1, f"rate:{name}:{subject}", *bucket, time.time(), min(cost, limit.burst))
    except RedisError as error:
        if limit.guards_secrets:
            raise Unavailable(headers={"Retry-After": "10"}) from error
        return
    if int(wait) >= 0:
        raise RateLimited(headers={"Retry-After": str(max(1, int(wait)))})


def subject_of(request: Request) -> str:
    """Whom a request counts against: the person who signed in, else the address that it came from."""
    return request.user.public_id if request.user.is_authenticated else request.client_address
