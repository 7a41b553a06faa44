"""The one Redis client of this process. Callers decide what its absence means; nothing that must last lives there."""

from functools import cache

import redis
from django.conf import settings


@cache
def client() -> redis.Redis:
    # The time-outs are short: a request may lose its cache, never its patience.
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)
