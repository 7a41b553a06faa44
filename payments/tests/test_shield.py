"""Card testing: twenty declined cards within ten minutes shut a source out, by plain words and a time to wait."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orders.models import Order
from payments import operations
from payments.models import Payment, PaymentEvent
from payments.operations import shield
from payments.operations.shield import LIMIT, STRICT_LIMIT, CardsRefused
from shop.models import OutboxEvent
from shop.redis import client as redis

from .factories import place_order
from .sandbox import DECLINED, Sandbox

ADDRESS = "203.0.113.7"


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    def forget() -> None:
        for key in redis().scan_iter("shield:*"):
            redis().delete(key)

    forget()
    yield
    forget()


def decline(payment: Payment, times: int, start: int = 0) -> None:
    for number in range(start, start + times):
        shield.count_decline(payment, f"ch_{payment.public_id}_{number}")


def begin(order: Order, address: str = ADDRESS) -> Payment:
    return operations.start(order, now=timezone.now(), address=address)


def test_twenty_declined_cards_at_the_stand_in(sandbox: Sandbox, order: Order, client: Client, settings: Any) -> None:
    """A38: the page of the provider takes one card after the other; the messages of it shut it."""
    sandbox.set_webhooks("deliver")
    payment = begin(order)
    for _ in range(LIMIT):
        assert sandbox.pay(payment, DECLINED).status_code in {200, 402}
    sandbox.wait_for_webhooks()
    operations.handle_webhooks(timezone.now() + timedelta(seconds=1))

    assert PaymentEvent.objects.filter(kind="authorize", phase="failure").count() == LIMIT
    payment.refresh_from_db()
    assert payment.status == "voided"  # whoever has the page open can't go on there
    assert sandbox.pay(payment).status_code == 410
    assert "were declined" in OutboxEvent.objects.get(topic="payment.mismatch").payload["problem"]

    url = reverse("payments:start", args=[order.public_id])
    answer = client.post(url, {"token": order.access_token})
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 600
    assert "Too many cards were declined" in answer.content.decode()


@pytest.mark.parametrize("same", ["email", "address"])
def test_another_order_of_the_same_source(sandbox: Sandbox, order: Order, same: str) -> None:
    payment = begin(order)
    other = place_order()
    if same == "address":
        Order.objects.filter(pk=other.pk).update(email="other@example.com")
        other.refresh_from_db()
    decline(payment, LIMIT - 1)
    begin(other, ADDRESS if same == "address" else "203.0.113.8")
    decline(payment, 1, LIMIT)
    with pytest.raises(CardsRefused):
        begin(other, ADDRESS if same == "address" else "203.0.113.8")


def test_somebody_else_is_not_shut_out(sandbox: Sandbox, order: Order) -> None:
    decline(begin(order), LIMIT)
    other = place_order()
    Order.objects.filter(pk=other.pk).update(email="other@example.com")
    other.refresh_from_db()
    assert begin(other, "203.0.113.8").redirect_url


def test_one_card_counts_once(sandbox: Sandbox, order: Order) -> None:
    payment = begin(order)
    for _ in range(LIMIT + 5):
        shield.count_decline(payment, "ch_the_same")
    begin(order)


def test_it_ends_by_itself(sandbox: Sandbox, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    payment = begin(order)
    decline(payment, LIMIT)
    with pytest.raises(CardsRefused) as refused:
        begin(order)
    later = shield.time.time() + int(refused.value.headers["Retry-After"]) + 1
    monkeypatch.setattr(shield.time, "time", lambda: later)
    begin(order)


def test_hardly_any_card_works_in_the_whole_shop(
    sandbox: Sandbox, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shield, "SHOP_DECLINES", 10)
    payment = begin(order)
    decline(payment, 10)
    with pytest.raises(CardsRefused):
        begin(order)
    for number in range(3):
        redis().zadd("shield:shop:paid", {f"pay_{number}": shield.time.time()})
    begin(order)  # with so many that work it is a busy shop


def test_what_is_kept_is_bounded_and_vanishes(sandbox: Sandbox, order: Order) -> None:
    payment = begin(order)
    decline(payment, 60)
    key = f"shield:order:{order.public_id}"
    assert redis().zcard(key) == LIMIT + 1
    assert 0 < int(redis().ttl(key)) <= 600


def test_without_redis_the_books_count_by_a_stricter_rule(sandbox: Sandbox, order: Order, settings: Any) -> None:
    payment = begin(order)
    here = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    redis.cache_clear()
    try:
        begin(order)
        for number in range(STRICT_LIMIT):
            PaymentEvent.objects.create(
                payment=payment, kind="authorize", phase="failure", amount_minor=1, idempotency_key=f"d{number}"
            )
        with pytest.raises(CardsRefused):
            begin(order)
    finally:
        settings.REDIS_URL = here
        redis.cache_clear()
