"""Money that one side knows of and the other does not (M5)."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from orders.models import Order
from payments import operations
from payments.errors import ProviderUnavailable
from payments.models import Payment, PaymentEvent
from shop.models import OutboxEvent

from .sandbox import Sandbox, wire_to


def find(days: int = 1) -> list[str]:
    now = timezone.now()
    return operations.find_orphans(now - timedelta(days=days), now=now)


def test_nothing_is_amiss(paid: Payment) -> None:
    assert not [problem for problem in find() if paid.public_id in problem]


def test_paid_and_never_heard_of_is_settled(sandbox: Sandbox, payment: Payment) -> None:
    sandbox.pay(payment)
    find()
    payment.refresh_from_db()
    assert payment.status == "captured"


def test_a_session_whose_answer_was_lost_is_found(sandbox: Sandbox, order: Order, settings: Any) -> None:
    with wire_to(sandbox) as wire:
        settings.STRIPE_API_BASE = wire.url
        wire.lose_answers = 3
        with pytest.raises(ProviderUnavailable):
            operations.start(order, now=timezone.now())
    settings.STRIPE_API_BASE = sandbox.url
    assert order.payments.get().external_id is None
    find()
    assert order.payments.get().external_id


def test_a_session_of_an_attempt_that_has_ended_stops_nothing(sandbox: Sandbox, order: Order, settings: Any) -> None:
    with wire_to(sandbox) as wire:
        settings.STRIPE_API_BASE = wire.url
        wire.lose_answers = 3
        with pytest.raises(ProviderUnavailable):
            operations.start(order, now=timezone.now())
    settings.STRIPE_API_BASE = sandbox.url
    operations.change_method(order, "cod", now=timezone.now())
    ended = order.payments.get(provider="stripe")
    assert not [problem for problem in find() if ended.public_id in problem]
    ended.refresh_from_db()
    assert (ended.status, ended.external_id) == ("voided", None)


def test_captured_here_and_unknown_there(sandbox: Sandbox, paid: Payment) -> None:
    Payment.objects.update(external_id="cs_test_of_another_account")
    problems = [problem for problem in find() if paid.public_id in problem]
    assert len(problems) == 2
    assert OutboxEvent.objects.filter(topic="payment.mismatch").count() == 2


def test_the_command_tells_and_fails(sandbox: Sandbox, paid: Payment) -> None:
    Payment.objects.update(external_id="cs_test_of_another_account")
    told = StringIO()
    with pytest.raises(CommandError):
        call_command("reconcile", "--since", "12h", stdout=told)
    assert "is a second session of this payment" in told.getvalue()


def test_the_wrong_time(sandbox: Sandbox) -> None:
    with pytest.raises(CommandError):
        call_command("reconcile", "--since", "soon")


def test_it_stays_a_day(paid: Payment) -> None:
    """Every event of the payment is still one: comparing writes nothing down twice."""
    before = PaymentEvent.objects.count()
    find()
    find()
    assert PaymentEvent.objects.count() == before
