"""The one Redis client of this process. Callers decide what its absence means; nothing that must last lives there."""

import time
from functools import cache
from typing import Any

import redis
from django.conf import settings

AWAY_SECONDS = 2
_asked_again_at: dict[tuple[Any, ...], float] = {}


class PatientRedis(redis.Redis):
    """Asks a server that has just not answered again only after a moment.

    A request asks Redis several times: with one that takes connections and says nothing, each time would cost the whole
    time-out, and the web server's threads would all stand waiting.
    """

    def execute_command(self, *args: Any, **options: Any) -> Any:
        if self.is_away():
            raise redis.ConnectionError("did not answer a moment ago")
        try:
            return super().execute_command(*args, **options)
        except (redis.ConnectionError, redis.TimeoutError):
            self.note_away()
            raise

    def is_away(self) -> bool:
        return time.monotonic() < _asked_again_at.get(self._server(), 0)

    def note_away(self) -> None:
        _asked_again_at[self._server()] = time.monotonic() + AWAY_SECONDS

    def _server(self) -> tuple[Any, ...]:
        known = self.connection_pool.connection_kwargs
        return known.get("path"), known.get("host"), known.get("port")


@cache
def client() -> PatientRedis:
    # The time-outs are short: a request may lose its cache, never its patience.
    pool = redis.ConnectionPool.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)
    return PatientRedis(connection_pool=pool)
