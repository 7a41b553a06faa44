"""A Redis that takes connections and says nothing costs one time-out, not one for each question."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from redis.exceptions import RedisError

from shop import outbox
from shop.redis import client


@pytest.fixture
def silent_redis(settings: Any) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client.cache_clear()
        settings.REDIS_URL = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": settings.REDIS_URL}}
        yield
        client.cache_clear()


@pytest.mark.usefixtures("silent_redis")
def test_who_comes_after_the_first_does_not_wait() -> None:
    for number in range(3):
        with pytest.raises(RedisError):
            client().get(f"k{number}")
    started = time.monotonic()
    assert client().is_away()
    assert cache.get("k", "nothing") == "nothing"
    outbox.wake("shop.tasks.relay_outbox")
    with pytest.raises(RedisError):
        client().eval("return 1", 0)
    assert time.monotonic() - started < 0.2


@pytest.mark.usefixtures("silent_redis")
def test_it_is_asked_again_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shop.redis.AWAY_SECONDS", 0.05)
    with pytest.raises(RedisError):
        client().get("k")
    assert client().is_away()
    time.sleep(0.06)
    assert not client().is_away()
