"""Django's Redis cache, for which an absent server is a miss: sessions and pages then come from PostgreSQL."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

from .redis import PatientRedis

log = logging.getLogger(__name__)


def forgiving(method: str, answer: Any) -> Callable[..., Any]:
    original = getattr(RedisCache, method)

    @wraps(original)
    def wrapper(self: RedisCache, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(self, *args, **kwargs)
        except RedisError as error:
            log.warning("cache %s failed: %s", method, type(error).__name__)
            default = kwargs.get("default", args[1] if method == "get" and len(args) > 1 else answer)
            return default() if callable(default) else default

    return wrapper


class PatientCacheClient(RedisCacheClient):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._client = PatientRedis


class ForgivingRedisCache(RedisCache):
    # A write or a delete that failed leaves the old value behind, and an outage would then bring back a session that
    # was signed out while it lasted. So nothing stays longer than this; the session's truth is in PostgreSQL.
    LONGEST = 60

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._class = PatientCacheClient

    def get_backend_timeout(self, timeout: Any = DEFAULT_TIMEOUT) -> float:
        asked = super().get_backend_timeout(timeout)
        return self.LONGEST if asked is None else min(asked, self.LONGEST)

    get = forgiving("get", None)
    set = forgiving("set", None)
    add = forgiving("add", False)
    touch = forgiving("touch", False)
    delete = forgiving("delete", False)
    get_many = forgiving("get_many", dict)
    set_many = forgiving("set_many", list)
    delete_many = forgiving("delete_many", None)
    has_key = forgiving("has_key", False)
    clear = forgiving("clear", False)
