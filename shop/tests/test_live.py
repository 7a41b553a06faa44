"""Hints go out after the commit, once a second for each subject, and nobody waits for them."""

import time
from typing import Any

import pytest
from django.db import transaction

from checkout.tests.factories import make_cart, make_variant
from shop import live
from shop.ids import new_id
from shop.redis import client


@pytest.fixture
def channel(db: None) -> Any:
    client().delete(*(f"live:test:told:{name}" for name in "abc"))
    listener = client().pubsub(ignore_subscribe_messages=True)
    listener.subscribe("live:test", "live:stock.changed")
    for _ in range(2):  # that each channel is listened to
        listener.get_message(timeout=1)
    yield listener
    listener.close()


def heard(channel: Any, topic: str = "test") -> list[str]:
    messages = iter(lambda: channel.get_message(timeout=0.3), None)
    return [message["data"].decode() for message in messages if message["channel"].decode() == f"live:{topic}"]


@pytest.mark.django_db(transaction=True)
def test_a_subject_is_told_of_once_a_second_however_often_it_changes(channel: Any) -> None:
    for _ in range(5):
        with transaction.atomic():
            live.hint("test", ["b", "a", "a"])
    assert heard(channel) == ["a", "b"]
    time.sleep(1)
    live.hint("test", ["a"])
    assert heard(channel) == ["a"]


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_not_told(channel: Any) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        live.hint("test", ["a"])
        raise ZeroDivisionError
    assert heard(channel) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_redis")
def test_without_redis_the_change_stands() -> None:
    with transaction.atomic():
        live.hint("test", ["a"])


@pytest.mark.django_db(transaction=True)
def test_stock_that_changes_is_told_of(channel: Any) -> None:
    # Channels are the server's, not the database's: other shops on it may be heard too.
    variant = make_variant(sku=new_id("sku"))
    heard(channel)
    time.sleep(1)
    make_cart(variant)
    assert heard(channel, "stock.changed").count(variant.sku) == 1
