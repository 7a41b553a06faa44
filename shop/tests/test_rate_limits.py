from typing import Any

import pytest

from shop import rate_limits
from shop.errors import RateLimited, Unavailable
from shop.rate_limits import LIMITS, Limit
from shop.redis import client


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "test", Limit(per_minute=60, burst=3))
    client().delete("rate:test:a", "rate:test:b")


def test_a_burst_passes_and_the_next_is_told_when_to_come_back() -> None:
    for _ in range(3):
        rate_limits.check("test", "a")
    with pytest.raises(RateLimited) as refusal:
        rate_limits.check("test", "a")
    assert refusal.value.status == 429
    assert refusal.value.headers == {
        "Retry-After": "1",
        "RateLimit-Policy": '"test";q=3;w=3',
        "RateLimit": '"test";r=0;t=3',
    }
    rate_limits.check("test", "b")


def test_tokens_come_back_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = rate_limits.time.time()
    monkeypatch.setattr(rate_limits.time, "time", lambda: now)
    for _ in range(3):
        rate_limits.check("test", "a")
    now += 1.01
    rate_limits.check("test", "a")
    with pytest.raises(RateLimited):
        rate_limits.check("test", "a")
    now -= 3600
    with pytest.raises(RateLimited):
        rate_limits.check("test", "a")


def test_a_dear_request_takes_several_tokens() -> None:
    rate_limits.check("test", "a", cost=2)
    with pytest.raises(RateLimited):
        rate_limits.check("test", "a", cost=2)
    rate_limits.check("test", "a")


def test_what_costs_more_than_the_bucket_holds_passes_when_it_is_full() -> None:
    rate_limits.check("test", "a", cost=1000)
    with pytest.raises(RateLimited):
        rate_limits.check("test", "a")


def test_a_bucket_is_forgotten_once_it_is_full_again() -> None:
    rate_limits.check("test", "a")
    ttl: Any = client().ttl("rate:test:a")
    assert 0 < ttl <= 4


@pytest.mark.usefixtures("no_redis")
@pytest.mark.parametrize("name", sorted(set(LIMITS)))
def test_without_redis_only_what_guards_secrets_stops(name: str) -> None:
    if LIMITS[name].guards_secrets:
        with pytest.raises(Unavailable) as refusal:
            rate_limits.check(name, "a")
        assert refusal.value.status == 503
        assert "Retry-After" in refusal.value.headers
    else:
        rate_limits.check(name, "a")


def test_the_classes_that_guard_secrets_are_these() -> None:
    guarded = {name for name, limit in LIMITS.items() if limit.guards_secrets}
    assert guarded >= {"sign_in", "sign_in_address", "register"}
    assert not guarded & {"cart", "hold", "checkout"}
