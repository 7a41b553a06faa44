"""Each invariant finds a row planted against it. Where the database would refuse it, its guard is taken away."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from orders.models import Order
from payments.models import Payment, PaymentEvent, Refund, RefundLine, WebhookEvent
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


def refunded(order: Order, *, key: str, quantity: int = 1, **values: object) -> Refund:
    payment = order.payments.first() or captured_payment(order)
    line = order.lines.get()
    made = Refund.objects.create(
        payment=payment, kind="lines", amount_minor=line.gross_minor, idempotency_key=key, status="succeeded"
    )
    RefundLine.objects.create(
        refund=made,
        order_line=line,
        quantity=quantity,
        net_minor=line.net_minor,
        tax_minor=line.tax_minor,
        gross_minor=line.gross_minor,
    )
    Refund.objects.filter(pk=made.pk).update(**values)
    return made


def unit_given_back_twice() -> None:
    order = place_order()
    refunded(order, key="one", quantity=2)
    refunded(order, key="two", quantity=2)


def more_delivery_than_was_paid() -> None:
    refunded(place_order(), key="freight", shipping_net_minor=10**6)


def refund_without_its_parts() -> None:
    refunded(place_order(), key="short", amount_minor=1)


def parts_of_nothing() -> None:
    refunded(place_order(), key="undivided", kind="undivided")


def units_of_an_amount() -> None:
    refunded(place_order(), key="amount", kind="amount")


def dispute_without_event() -> None:
    captured_payment(place_order(), disputed_minor=100)


def authorised_without_event() -> None:
    Payment.objects.create(
        order=place_order(), provider="stripe", currency="EUR", amount_minor=100, status="authorized"
    )


@pytest.mark.parametrize(
    ("code", "plant"),
    [
        ("M1", dispute_without_event),
        ("M1", authorised_without_event),
        ("M8", unit_given_back_twice),
        ("M8", more_delivery_than_was_paid),
        ("M9", refund_without_its_parts),
        ("M9", parts_of_nothing),
        ("M9", units_of_an_amount),
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
    order = place_order()
    captured_payment(order)
    refunded(order, key="both", quantity=2)
    Payment.objects.update(refunded_minor=order.lines.get().gross_minor)
    PaymentEvent.objects.create(
        payment=order.payments.get(),
        kind="refund",
        phase="success",
        amount_minor=order.lines.get().gross_minor,
        idempotency_key="refunded",
    )
    found = {finding.invariant.code for finding in verify() if finding.rows}
    assert not found & {"M1", "M3", "M4", "M6", "M7", "M8", "M9", "E1"}
