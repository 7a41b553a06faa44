"""Token buckets in Redis, one for each (class of request, subject). Pages and the API count through `check`.

A bucket holds `burst` tokens and gains `per_minute` a minute. Without Redis reads go on and the classes that guard
secrets stop: guessing passwords must not get easier because a server is away.

`RateLimitMiddleware` counts besides every request to the API, by `class_of`, and tells what is left in the headers of
draft-ietf-httpapi-ratelimit-headers: a policy's quota `q` is the whole bucket, its window `w` the seconds in which an
empty one fills. Who never asks for more than `q` in `w` is never refused.
"""

import math
import time
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
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
return {taken and -1 or math.ceil((cost - tokens) / rate), math.floor(tokens)}
"""


@dataclass(frozen=True)
class Limit:
    per_minute: float
    burst: int
    guards_secrets: bool = False

    @property
    def seconds_to_fill(self) -> int:
        return math.ceil(self.burst * 60 / self.per_minute)


LIMITS = {
    # Every request to the API. Wide, since everybody behind one router is one address until they sign in.
    "read": Limit(per_minute=1200, burst=600),
    "search": Limit(per_minute=600, burst=300),
    "write": Limit(per_minute=600, burst=300),
    # What costs more, or is worth guessing, counts for itself besides.
    "sign_in": Limit(per_minute=5, burst=10, guards_secrets=True),
    "sign_in_address": Limit(per_minute=30, burst=60, guards_secrets=True),
    # Whatever address the guesses come from. Wide and quick to refill, so that nobody locks an owner out for long.
    "sign_in_account": Limit(per_minute=100 / 60, burst=100, guards_secrets=True),
    # Six digits, three of them right at any time: guessing must take years, and an owner's typing mistakes must not.
    "second_factor": Limit(per_minute=0.5, burst=10, guards_secrets=True),
    "export": Limit(per_minute=0.2, burst=5),
    "register": Limit(per_minute=5, burst=10, guards_secrets=True),
    "coupon": Limit(per_minute=10, burst=10, guards_secrets=True),
    # An order's number with its e-mail address, by the visitor's address and by the number.
    "track": Limit(per_minute=6, burst=12, guards_secrets=True),
    # Mails that a buyer asks for again, by order.
    "resend": Limit(per_minute=0.2, burst=3),
    "cart": Limit(per_minute=120, burst=60),
    # Units, not requests. Holds end after minutes, so this bounds what one visitor can keep from everybody else.
    "hold": Limit(per_minute=20, burst=300),
    "checkout": Limit(per_minute=20, burst=20),
    "review": Limit(per_minute=2, burst=10),
}


@dataclass(frozen=True)
class Taken:
    """What a bucket answered. `wait`: seconds until it would give, None when it gave. `left`: None without Redis."""

    name: str
    left: int | None
    wait: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        limit = LIMITS[self.name]
        headers = {"RateLimit-Policy": f'"{self.name}";q={limit.burst};w={limit.seconds_to_fill}'}
        if self.left is not None:
            until_full = math.ceil((limit.burst - self.left) * 60 / limit.per_minute)
            headers["RateLimit"] = f'"{self.name}";r={self.left};t={until_full}'
        return headers

    def refusal(self) -> RateLimited:
        return RateLimited(headers={"Retry-After": str(self.wait), **self.headers})


def check(name: str, subject: str, cost: int = 1) -> None:
    """Takes `cost` tokens or raises RateLimited with `Retry-After` in seconds."""
    taken = take(name, subject, cost)
    if taken.wait is not None:
        raise taken.refusal()


def take(name: str, subject: str, cost: int = 1) -> Taken:
    """Takes `cost` tokens if there are as many. Unavailable where secrets are guarded and Redis is away."""
    limit = LIMITS[name]
    bucket = (limit.burst, limit.per_minute / 60)
    try:
        wait, left = client().eval(TAKE, 1, f"rate:{name}:{subject}", *bucket, time.time(), min(cost, limit.burst))
    except RedisError as error:
        if limit.guards_secrets:
            raise Unavailable(headers={"Retry-After": "10"}) from error
        return Taken(name, left=None)
    return Taken(name, left=int(left), wait=None if int(wait) < 0 else max(1, int(wait)))


def class_of(request: HttpRequest) -> str:
    """The bucket that every request to the API takes from."""
    if request.method not in {"GET", "HEAD"}:
        return "write"
    return "search" if request.path_info in settings.API_SEARCH_PATHS else "read"


def subject_of(request: Request) -> str:
    """Whom a request counts against: the person who signed in, else the address that it came from."""
    return request.user.public_id if request.user.is_authenticated else request.client_address
