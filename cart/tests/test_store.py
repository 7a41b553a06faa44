"""Redis holds a copy for reading; whatever becomes of it, the answer is PostgreSQL's."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cart import operations, store
from cart.models import CartSnapshot
from catalog.models import Variant
from shop.redis import client

from .factories import add, cart_of, item_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound", "mug")]


@pytest.fixture
def redis_away(settings: Any) -> Iterator[None]:
    client.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": settings.REDIS_URL}}
    yield
    client.cache_clear()


@pytest.fixture
def commit(django_capture_on_commit_callbacks: Any) -> Any:
    """`with commit():` ends as a commit does. A test's own transaction never commits."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def cart(commit: Any, mug: Variant) -> CartSnapshot:
    with commit():
        return cart_of(MUG=2)


def key(cart: CartSnapshot) -> str:
    return store._key(cart.public_id)


def test_the_copy_is_the_cart(cart: CartSnapshot, django_assert_num_queries: Any) -> None:
    row = CartSnapshot.objects.get(pk=cart.pk)
    with django_assert_num_queries(0):
        copy = store.read(cart.public_id)
    assert copy is not None
    for field in CartSnapshot._meta.concrete_fields:
        assert getattr(copy, field.attname) == getattr(row, field.attname), field.attname


def test_each_change_replaces_it(cart: CartSnapshot, commit: Any) -> None:
    with commit():
        operations.set_quantity(cart, item_id(cart), quantity=5, now=timezone.now())
    copy = store.read(cart.public_id)
    assert copy is not None
    assert (copy.version, copy.lines[0]["quantity"]) == (3, 5)


def test_an_older_version_does_not_replace_a_newer_one(cart: CartSnapshot, commit: Any) -> None:
    """Two requests may store their copies in the other order than they committed."""
    older = CartSnapshot.objects.get(pk=cart.pk)
    with commit():
        add(cart, "MUG", 1)
    store.write(older)
    copy = store.read(cart.public_id)
    assert copy is not None
    assert copy.version == 3


def test_cold_it_is_read_from_postgresql_and_warmed(cart: CartSnapshot) -> None:
    client().delete(key(cart))
    first, second = store.read(cart.public_id), store.read(cart.public_id)
    assert first is not None
    assert second is not None
    assert first.lines == second.lines == cart.lines
    assert client().exists(key(cart))


def test_a_change_that_failed_leaves_the_copy_alone(cart: CartSnapshot, commit: Any) -> None:
    with commit(), pytest.raises(operations.InsufficientStock):
        add(cart, "MUG", 9)
    copy = store.read(cart.public_id)
    assert copy is not None
    assert copy.lines[0]["quantity"] == 2


def test_a_copy_that_could_not_be_replaced_is_gone_within_a_minute(
    cart: CartSnapshot, commit: Any, settings: Any
) -> None:
    """Redis is away for one change, and back with what it knew before."""
    url, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:9/0"
    client.cache_clear()
    with commit():
        add(cart, "MUG", 1)
    settings.REDIS_URL = url
    client.cache_clear()
    stale = store.read(cart.public_id)
    assert stale is not None
    assert stale.version == 2
    assert 0 < int(client().ttl(key(cart))) <= 60
    # Reading does not make it last, nor does an old copy that comes late.
    store.write(stale)
    client().expire(key(cart), 1)
    store.write(stale)
    assert int(client().ttl(key(cart))) <= 1
    # Whatever a page shows meanwhile, a change reads the row.
    with commit():
        assert add(stale, "MUG", 1).lines[0]["quantity"] == 4
    fresh = store.read(cart.public_id)
    assert fresh is not None
    assert fresh.version == 4


def test_a_cart_that_never_was_is_none() -> None:
    assert store.read("cart_nothing") is None


@pytest.mark.usefixtures("redis_away")
def test_without_redis_pages_and_api_answer_the_same(api: Any, cart: CartSnapshot) -> None:
    answer = api.get(f"/cart/{cart.public_id}").json()["data"]
    assert [(line["sku"], line["quantity"]) for line in answer["items"]] == [("MUG", 2)]
    browser = Client()
    assert browser.post("/cart/items/", {"sku": "MUG", "quantity": 3}).status_code == 302
    page = browser.get("/cart/")
    assert page.status_code == 200
    assert page.context["cart"].item_count == 3


def test_with_and_without_redis_the_answer_is_the_same(api: Any, cart: CartSnapshot, settings: Any) -> None:
    warm = api.get(f"/cart/{cart.public_id}").json()
    client().delete(key(cart))
    cold = api.get(f"/cart/{cart.public_id}").json()
    client.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    away = api.get(f"/cart/{cart.public_id}").json()
    client.cache_clear()
    assert warm == cold == away
