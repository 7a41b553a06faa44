import pytest
from django.contrib.sessions.backends.cached_db import SessionStore
from django.core.cache import cache

from shop.cache import ForgivingRedisCache
from shop.redis import client


def test_nothing_outlives_a_minute() -> None:
    """A delete that failed leaves its value behind: a session ended in an outage must not come back."""
    for timeout in (None, 3600 * 24 * 30, 5):
        cache.set("k", "v", timeout)
        ttl = client().ttl(cache.make_key("k"))
        assert 0 < int(ttl) <= min(timeout or 60, ForgivingRedisCache.LONGEST)


@pytest.mark.usefixtures("no_redis")
def test_without_redis_every_read_is_a_miss() -> None:
    cache.set("k", "v")
    assert cache.get("k") is None
    assert cache.get("k", "default") == "default"
    assert cache.get_or_set("k", lambda: "made") == "made"
    assert cache.get_many(["k"]) == {}
    assert not cache.add("k", "v")
    assert not cache.has_key("k")
    assert not cache.delete("k")
    assert not cache.touch("k")
    cache.delete_many(["k"])
    cache.clear()


@pytest.mark.django_db
@pytest.mark.usefixtures("no_redis")
def test_without_redis_a_session_is_read_from_postgresql() -> None:
    session = SessionStore()
    session["cart"] = "cart_x"
    session.save()
    assert SessionStore(session.session_key)["cart"] == "cart_x"
