"""Who acts on the same money at the same moment. Each race has its twin: the same schedule, one guard taken away."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import QuerySet, Sum
from django.utils import timezone

from orders import operations as orders
from orders.models import Order
from payments import operations
from payments.models import Payment, PaymentEvent, Refund, RefundLine
from payments.operations import moves, settling
from shop.models import OutboxEvent
from tests.races.pairs import (
    Pair,
    Race,
    assert_kept,
    assert_lost,
    replaced,
    together,
    without_constraint,
    without_unique,
)

from .factories import place_order
from .sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
# Each of these rounds asks the stand-in several times.
ROUNDS = 8


@contextmanager
def unlocked() -> Iterator[None]:
    """Every SELECT ... FOR UPDATE reads without a lock."""
    with replaced(QuerySet, "select_for_update", lambda self, *args, **kwargs: self.all()):
        yield


def paid_by_transfer() -> Payment:
    order = place_order(payment_method="invoice", quantity=1)
    operations.start(order, now=timezone.now())
    return operations.record_manual_payment(order, actor="staff", now=timezone.now())


# --- Refunds


def sixty_and_sixty(number: int) -> Race:
    payment = paid_by_transfer()
    sixty = payment.captured_minor * 6 // 10

    def give_back(key: str) -> Callable[[], object]:
        return lambda: operations.refund(payment, sixty, reason="returned", key=f"{number}:{key}", now=timezone.now())

    def violation(answers: list[Any]) -> str:
        return "promised 120 of 100" if Refund.objects.filter(payment=payment).count() > 1 else ""

    return Race([give_back("a"), give_back("b")], violation)


def without_locks_or_the_check_of_the_sum() -> AbstractContextManager[object]:
    """The lock is the guard; the database's own check of the sum would refuse what comes of it."""
    return together(unlocked(), without_constraint(Payment, "payment_amounts_in_order"))


SUM_OF_REFUNDS = r'SELECT SUM\("payments_refund"'
SIXTY = Pair(
    "60 + 60 of 100", sixty_and_sixty, without_locks_or_the_check_of_the_sum, "promised 120 of 100", SUM_OF_REFUNDS
)


def the_same_unit(number: int) -> Race:
    payment = paid_by_transfer()
    line = payment.order.lines.get()

    def give_back(key: str) -> Callable[[], object]:
        return lambda: operations.refund_lines(
            payment.order, {line.public_id: 1}, reason="returned", key=f"{number}:{key}", now=timezone.now()
        )

    def violation(answers: list[Any]) -> str:
        units = RefundLine.objects.filter(order_line=line).aggregate(sum=Sum("quantity"))["sum"]
        return f"refunded {units} of 1" if units != 1 else ""

    return Race([give_back("a"), give_back("b")], violation)


UNIT = Pair(
    "the same unit twice",
    the_same_unit,
    without_locks_or_the_check_of_the_sum,
    "refunded 2 of 1",
    r'FROM "payments_refundline"',
)


def a_return_heard_of_twice(number: int) -> Race:
    payment = paid_by_transfer()
    order, line, now = payment.order, payment.order.lines.get(), timezone.now()
    orders.ship(order, actor="staff", now=now)
    orders.deliver(order, actor="staff", now=now)
    items = [orders.ReturnItem(line.public_id, 1, "other")]
    returned = orders.request_return(order, items, actor="staff", now=now)
    orders.approve_return(returned, actor="staff", now=now)
    orders.receive_return(returned, {line.public_id: "restock"}, actor="staff", now=now)

    def violation(answers: list[Any]) -> str:
        refunds = Refund.objects.filter(payment=payment).count()
        return f"{refunds} refunds of one return" if refunds != 1 else ""

    return Race([lambda: operations.finish_return(returned, now=timezone.now())] * 2, violation)


RETURN = Pair(
    "return.received handled twice",
    a_return_heard_of_twice,
    lambda: together(without_locks_or_the_check_of_the_sum(), without_unique(Refund, "idempotency_key")),
    "2 refunds of one return",
    r'FROM "payments_refundline"',
)


@pytest.mark.parametrize("pair", [SIXTY, UNIT, RETURN], ids=lambda pair: pair.name)
def test_money_goes_back_once(pair: Pair) -> None:
    assert_kept(pair)


@pytest.mark.parametrize("pair", [SIXTY, UNIT, RETURN], ids=lambda pair: pair.name)
def test_without_its_guard_money_goes_back_twice(pair: Pair) -> None:
    assert_lost(pair)


# --- What the provider is asked and says


def told_three_times(sandbox: Sandbox) -> Callable[[int], Race]:
    """The buyer comes back, the message arrives and the reconciler's minute is over, all at once."""

    def schedule(number: int) -> Race:
        payment = operations.start(place_order(), now=timezone.now())
        sandbox.pay(payment)

        def violation(answers: list[Any]) -> str:
            events = PaymentEvent.objects.filter(payment=payment, kind="capture", phase="success").count()
            mails = OutboxEvent.objects.filter(topic="order.paid", payload__order_id=payment.order.public_id).count()
            if (events, mails) == (1, 1):
                return ""
            return "captured more than once" if events > 1 else f"{events} captures, {mails} mails"

        def reconcile() -> object:
            return operations.reconcile(timezone.now() + timedelta(minutes=2))

        return Race(
            [
                lambda: operations.settle(payment, now=timezone.now()),
                lambda: operations.settle(payment, now=timezone.now()),
                reconcile,
            ],
            violation,
        )

    return schedule


def record_what_was_not_there(payment: Payment, kind: str, phase: str, *, key: str, **values: Any) -> bool:
    """Looks, then writes, with nothing to hold the second back."""
    values["created_at"] = values.pop("now")
    if PaymentEvent.objects.filter(idempotency_key__startswith=key).exists():
        return False
    made = PaymentEvent(payment=payment, kind=kind, phase=phase, **values)
    made.idempotency_key = f"{key}:{timezone.now().timestamp()}:{id(made)}"
    made.save()
    return True


def settled(sandbox: Sandbox) -> Pair:
    return Pair(
        "redirect, message and reconciler at once",
        told_three_times(sandbox),
        lambda: together(
            without_locks_or_the_check_of_the_sum(),
            replaced(settling, "record", record_what_was_not_there),
        ),
        "captured more than once",
        r'FROM "payments_paymentevent"',
    )


def begun_twice(sandbox: Sandbox) -> Callable[[int], Race]:
    def schedule(number: int) -> Race:
        order = place_order()

        def violation(answers: list[Any]) -> str:
            sessions = order.payments.count()
            return f"{sessions} sessions" if sessions != 1 else ""

        return Race([lambda: operations.start(order, now=timezone.now())] * 2, violation)

    return schedule


def begun(sandbox: Sandbox) -> Pair:
    return Pair("two clicks on pay", begun_twice(sandbox), unlocked, "2 sessions", r'FROM "payments_payment"')


def taken_and_let_go(sandbox: Sandbox) -> Callable[[int], Race]:
    def schedule(number: int) -> Race:
        payment = operations.start(place_order(), now=timezone.now())
        sandbox.pay(payment)
        payment = operations.settle(payment, now=timezone.now())
        assert payment.status == "authorized"

        def violation(answers: list[Any]) -> str:
            asked = set(moves._requests(payment).values_list("kind", flat=True))
            if len(asked) > 1:
                return "asked to take and to let go"
            payment.refresh_from_db()
            order = Order.objects.get(pk=payment.order_id)
            ends = {"captured": "paid", "voided": "voided"}
            return (
                "" if ends.get(payment.status) == order.payment_status else f"{payment.status}, {order.payment_status}"
            )

        return Race(
            [
                lambda: operations.capture(payment, actor="staff", now=timezone.now()),
                lambda: operations.void(payment, actor="staff", now=timezone.now()),
            ],
            violation,
        )

    return schedule


def moved(sandbox: Sandbox) -> Pair:
    return Pair(
        "capture against void",
        taken_and_let_go(sandbox),
        unlocked,
        "asked to take and to let go",
        r'FROM "payments_paymentevent"',
    )


@pytest.fixture
def pair(request: pytest.FixtureRequest, sandbox: Sandbox, settings: Any) -> Pair:
    if request.param is moved:
        settings.SHOP_CAPTURE = "manual"
    made = request.param(sandbox)
    assert isinstance(made, Pair)
    return made


@pytest.mark.parametrize("pair", [settled, begun, moved], indirect=True, ids=["settled", "begun", "moved"])
def test_the_provider_is_believed_once(pair: Pair) -> None:
    assert_kept(pair, rounds=ROUNDS)


@pytest.mark.parametrize("pair", [settled, begun, moved], indirect=True, ids=["settled", "begun", "moved"])
def test_without_its_guard_it_is_believed_twice(pair: Pair) -> None:
    assert_lost(pair, rounds=ROUNDS)
    # What the twin has broken is not for the fixture `sandbox` to find.
    call_command("flush", verbosity=0, interactive=False)
