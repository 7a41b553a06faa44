"""Everything that the shop asks of Stripe, done once each through the operations that pages, workers and staff call."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from django.utils import timezone

from orders import operations as orders
from orders.models import Order
from payments import operations
from payments.models import Payment, PaymentEvent
from payments.providers import stripe as provider
from payments.tests.factories import place_order
from payments.tests.sandbox import DECLINED, NEEDS_3DS, Sandbox

DISPUTED, REFUND_FAILS, REFUND_TAKES_TIME = "4000000000000259", "4000000000005126", "4000000000007726"
Journey = Callable[[Sandbox, Any], None]


def begun(**values: Any) -> Payment:
    return operations.start(place_order(**values), now=timezone.now())


def paid(sandbox: Sandbox, card: str = "4242424242424242", **values: Any) -> Payment:
    payment = begun(**values)
    assert sandbox.pay(payment, card).status_code == 303
    return operations.settle(payment, now=timezone.now())


def a_payment_that_is_declined_then_confirmed_by_the_bank(sandbox: Sandbox, settings: Any) -> None:
    payment = begun(prices_include_tax=False, quantity=3, price_minor=3333)
    assert sandbox.pay(payment, DECLINED).status_code == 402
    operations.settle(payment, now=timezone.now())
    assert sandbox.pay(payment, NEEDS_3DS).status_code == 303
    sandbox.authenticate(payment, "fail")
    operations.settle(payment, now=timezone.now())
    sandbox.pay(payment, NEEDS_3DS)
    sandbox.authenticate(payment, "complete")
    assert operations.settle(payment, now=timezone.now()).status == Payment.Status.CAPTURED


def a_payment_given_back_in_parts(sandbox: Sandbox, settings: Any) -> None:
    payment = paid(sandbox)
    operations.refund(payment, 500, reason="test", key="part", now=timezone.now())
    operations.refund_rest(payment, reason="test", now=timezone.now())
    payment = operations.settle(payment, now=timezone.now())
    assert payment.refunded_minor == payment.captured_minor


def refunds_that_fail_and_that_take_time(sandbox: Sandbox, settings: Any) -> None:
    for card in (REFUND_FAILS, REFUND_TAKES_TIME):
        payment = paid(sandbox, card)
        operations.refund(payment, 500, reason="test", key=card, now=timezone.now())
        operations.settle(payment, now=timezone.now())


def a_page_that_is_closed_unpaid(sandbox: Sandbox, settings: Any) -> None:
    payment = begun()
    assert operations.end_session(payment, now=timezone.now()).status == Payment.Status.VOIDED
    operations.end_session(payment, now=timezone.now())


def an_order_that_is_cancelled_after_it_was_paid(sandbox: Sandbox, settings: Any) -> None:
    payment = paid(sandbox)
    operations.close_order(Order.objects.get(pk=payment.order_id), now=timezone.now())


def money_taken_by_hand(sandbox: Sandbox, settings: Any) -> None:
    """Authorised first; then all of it taken, a part, or nothing."""
    settings.SHOP_CAPTURE = "manual"
    whole, part, none = (paid(sandbox) for _ in range(3))
    settings.SHOP_CAPTURE = "automatic"
    now = timezone.now()
    assert operations.capture(whole, actor="test", now=now).captured_minor == whole.amount_minor
    assert operations.capture(part, 1000, actor="test", now=now).captured_minor == 1000
    part = operations.settle(part, now=now)
    assert (part.captured_minor, part.refunded_minor) == (1000, 0)
    operations.refund(part, 400, reason="test", key="of a part", now=now)
    assert operations.settle(part, now=now).refunded_minor == 400
    cancelled(part)
    none = operations.void(none, actor="test", now=now)
    cancelled(none)
    assert (none.status, none.captured_minor, none.refunded_minor) == (Payment.Status.VOIDED, 0, 0)


def cancelled(payment: Payment) -> None:
    """An order of which not all was taken does not move on."""
    now = timezone.now()
    order = orders.cancel_order(payment.order, actor=orders.SYSTEM, reason="test", now=now)
    operations.close_order(order, now=now)


def a_dispute(sandbox: Sandbox, settings: Any) -> None:
    operations.settle(paid(sandbox, DISPUTED), now=timezone.now())
    won = paid(sandbox)
    made = requests.post(
        f"{sandbox.url}/_sandbox/disputes", json={"payment_intent": captured_ref(won)}, timeout=10
    ).json()
    operations.settle(won, now=timezone.now())
    requests.post(f"{sandbox.url}/_sandbox/disputes/{made['id']}", json={"outcome": "won"}, timeout=10)
    operations.settle(won, now=timezone.now())


def captured_ref(payment: Payment) -> str:
    return payment.events.get(kind=PaymentEvent.Kind.CAPTURE, phase=PaymentEvent.Phase.SUCCESS).external_ref


def money_that_our_books_can_not_take(sandbox: Sandbox, settings: Any) -> None:
    """Whatever the provider took for such a payment goes back: captured, authorised and nothing at all."""
    for method in ("manual", "automatic"):
        settings.SHOP_CAPTURE = method
        payment = begun()
        sandbox.pay(payment)
        request = PaymentEvent(payment=payment, idempotency_key=f"{payment.public_id}:back", amount_minor=1)
        provider.Stripe().give_back(payment, request)


def what_was_missed_is_looked_for(sandbox: Sandbox, settings: Any) -> None:
    sandbox.pay(begun())
    now = timezone.now()
    operations.reconcile(now + timedelta(hours=2))
    operations.find_orphans(now - timedelta(hours=1), now=now)


JOURNEYS: tuple[Journey, ...] = (
    a_payment_that_is_declined_then_confirmed_by_the_bank,
    a_payment_given_back_in_parts,
    refunds_that_fail_and_that_take_time,
    a_page_that_is_closed_unpaid,
    an_order_that_is_cancelled_after_it_was_paid,
    money_taken_by_hand,
    a_dispute,
    money_that_our_books_can_not_take,
    what_was_missed_is_looked_for,
)
SOURCE = Path(provider.__file__)
