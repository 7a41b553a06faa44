"""A planted bad row is seen as exactly that one."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from checkout.tests.books import broken
from checkout.tests.factories import place_order
from orders import operations as orders
from shop.models import OutboxEvent
from webhooks.models import Delivery, Endpoint

from .factories import make_delivery, make_endpoint

LONG_AGO = timezone.now() - timedelta(minutes=11)


def left_alone() -> None:
    endpoint, _ = make_endpoint()
    make_delivery(endpoint, due_at=LONG_AGO)
    Endpoint.objects.update(busy_until=LONG_AGO)


def sent_without_an_answer() -> None:
    make_delivery(make_endpoint()[0], state="sent", sent_at=timezone.now())


def sent_and_refused() -> None:
    make_delivery(make_endpoint()[0], state="sent", sent_at=timezone.now(), status=500)


def given_up_for_no_reason() -> None:
    make_delivery(make_endpoint()[0], state="failed")


def waiting_at_one_that_is_off() -> None:
    make_delivery(make_endpoint()[0])
    Endpoint.objects.update(is_enabled=False)


def paid_without_telling() -> None:
    order = place_order()
    orders.mark_paid(order, payment_reference="pay_1", now=timezone.now())
    assert OutboxEvent.objects.filter(dedupe_key=f"order.paid:{order.public_id}").delete()[0] == 1


def waiting_for_a_relay() -> None:
    OutboxEvent.objects.create(topic="x", dedupe_key="x", due_at=timezone.now() - timedelta(seconds=121))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("plant", "code"),
    [
        (left_alone, "W1"),
        (sent_without_an_answer, "W2"),
        (sent_and_refused, "W2"),
        (given_up_for_no_reason, "W2"),
        (waiting_at_one_that_is_off, "W3"),
        (paid_without_telling, "E2"),
        (waiting_for_a_relay, "E3"),
    ],
)
def test_a_planted_row_is_found(plant: Callable[[], None], code: str) -> None:
    plant()
    assert {found: len(rows) for found, rows in broken().items()} == {code: 1}


@pytest.mark.django_db
def test_what_is_as_it_should_be_is_not_found() -> None:
    endpoint, _ = make_endpoint()
    orders.mark_paid(place_order(), payment_reference="pay_1", now=timezone.now())
    make_delivery(endpoint, due_at=LONG_AGO)
    make_delivery(endpoint, state="sent", sent_at=timezone.now(), status=204)
    make_delivery(endpoint, state="failed", error="Answered 500.")
    OutboxEvent.objects.create(topic="x", dedupe_key="x", due_at=timezone.now() - timedelta(seconds=60))
    assert Delivery.objects.count() == 3
    assert broken() == {}
