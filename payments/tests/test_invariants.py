"""Each invariant finds a row planted against it. Where the database would refuse it, its guard is taken away."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from orders.models import Order
from payments.models import Payment, PaymentEvent, Refund, WebhookEvent
from shop.invariants import verify

from .factories import place_order

pytestmark = pytest.mark.django_db
LONG_AGO = timezone.now() - timedelta(hours=2)


def captured_payment(order: Order, **values: object) -> Payment:
    amount = order.total_minor
    payment = Payment.objects.create(
        order=order, provider="stripe", currency="EUR", amount_minor=amount, captured_minor=amount, status="captured"
    )
    PaymentEvent.objects.create(
        payment=payment, kind="capture", phase="success", amount_minor=amount, idempotency_key=payment.public_id
    )
    Payment.objects.filter(pk=payment.pk).update(**values)
    return payment


def drop(table: str, constraint: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")


def status_without_event() -> None:
    Payment.objects.create(
        order=place_order(), provider="stripe", currency="EUR", amount_minor=100, captured_minor=100, status="captured"
    )


def status_of_another_event() -> None:
    captured_payment(place_order(), status="expired")


def more_back_than_came() -> None:
    payment = captured_payment(place_order())
    for number in range(2):
        Refund.objects.create(payment=payment, amount_minor=payment.captured_minor, idempotency_key=str(number))


def more_captured_than_asked() -> None:
    drop("payments_payment", "payment_amounts_in_order")
    captured_payment(place_order(), amount_minor=1)


def paid_twice() -> None:
    order = place_order()
    captured_payment(order)
    captured_payment(order)


def forgotten() -> None:
    Payment.objects.create(
        order=place_order(), provider="stripe", currency="EUR", amount_minor=100, expires_at=LONG_AGO
    )


def money_of_a_cancelled_order() -> None:
    order = place_order()
    captured_payment(order, updated_at=LONG_AGO)
    Order.objects.filter(pk=order.pk).update(status="cancelled", updated_at=LONG_AGO)


def message_kept_twice() -> None:
    drop("payments_webhookevent", "webhook_event_once")
    for _ in range(2):
        WebhookEvent.objects.create(provider="stripe", event_id="evt_1", type="x", payload={})


@pytest.mark.parametrize(
    ("code", "plant"),
    [
        ("M1", status_without_event),
        ("M1", status_of_another_event),
        ("M3", more_back_than_came),
        ("M3", more_captured_than_asked),
        ("M4", paid_twice),
        ("M6", forgotten),
        ("M7", money_of_a_cancelled_order),
        ("E1", message_kept_twice),
    ],
)
def test_planted_row_is_found(code: str, plant: Callable[[], None]) -> None:
    plant()
    finding = next(finding for finding in verify() if finding.invariant.code == code)
    assert finding.rows
    assert finding.examined


def test_sound_payment_is_not_found() -> None:
    captured_payment(place_order())
    found = {finding.invariant.code for finding in verify() if finding.rows}
    assert not found & {"M1", "M3", "M4", "M6", "M7", "E1"}
