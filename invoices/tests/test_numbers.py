"""Numbers without a gap: fifty at once, some rolled back, and what happens when the guard is taken away."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from checkout.tests.factories import make_variant, place_order
from invoices import operations
from invoices.models import Invoice, InvoiceLine, Series
from invoices.operations import issue
from orders.models import Order
from shop.errors import DomainError
from tests.races.pairs import Pair, Race, assert_kept, assert_lost, at_once, replaced, together, without_constraint

from .factories import write

pytestmark = pytest.mark.django_db(transaction=True)


class PaymentDesk(DomainError):
    """What lets a transaction fail after its number was given."""


def orders(count: int) -> list[Order]:
    variant = make_variant(stock=10 * count)
    return [place_order(variant, quantity=1, payment_method="invoice") for _ in range(count)]


def issue_for(order: Order, *, fails: bool = False) -> Callable[[], Any]:
    def act() -> Any:
        with transaction.atomic():
            written = operations.write_what_is_due(order, now=timezone.now())
            if fails:
                raise PaymentDesk
        return written

    return act


def given() -> list[int]:
    return sorted(Invoice.objects.filter(kind="invoice").values_list("sequence", flat=True))


def test_fifty_at_once_some_rolled_back_leave_no_gap(sound: None) -> None:
    made = orders(50)
    answers = at_once([issue_for(order, fails=number % 5 == 0) for number, order in enumerate(made)])
    assert sum(isinstance(answer, PaymentDesk) for answer in answers) == 10
    assert given() == list(range(1, 41))
    assert Series.objects.get(code="").last == 40
    # Those that failed are written later, and take the next numbers.
    assert operations.catch_up(timezone.now()) == 10
    assert given() == list(range(1, 51))
    assert not [order for order in made if write(order)]


def test_a_year_begins_with_one(sound: None) -> None:
    old, new = orders(2)
    operations.write_what_is_due(old, now=datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC))
    operations.write_what_is_due(new, now=datetime(2026, 12, 31, 23, 0, 0, tzinfo=UTC))
    numbers = list(Invoice.objects.order_by("id").values_list("number", flat=True))
    # The shop's own clock: midnight in Berlin comes an hour before that of Greenwich.
    assert numbers == ["2026-000001", "2027-000001"]


# --- Without the guard


def looked_up(series: str, year: int) -> int:
    """As many shops do it: the highest number and one more, which two read at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(sequence), 0) + 1 FROM invoices_invoice WHERE series = %s", [series])
        return int(cursor.fetchone()[0])


def drawn(series: str, year: int) -> int:
    """A sequence: it never waits, so it can't know who will fail."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('test_invoice_numbers')")
        return int(cursor.fetchone()[0])


@contextmanager
def without_unique_number() -> Iterator[None]:
    run("ALTER TABLE invoices_invoice DROP CONSTRAINT invoices_invoice_number_key")
    try:
        yield
    finally:
        run("TRUNCATE invoices_invoice CASCADE")
        run("ALTER TABLE invoices_invoice ADD CONSTRAINT invoices_invoice_number_key UNIQUE (number)")


@contextmanager
def with_sequence() -> Iterator[None]:
    run("CREATE SEQUENCE test_invoice_numbers")
    try:
        with replaced(issue, "next_number", drawn):
            yield
    finally:
        run("DROP SEQUENCE test_invoice_numbers")


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def two_at_once(fails: bool) -> Callable[[int], Race]:
    def schedule(number: int) -> Race:
        before = given()
        made = orders(3)
        actors = [issue_for(order, fails=fails and place == 0) for place, order in enumerate(made)]

        def violation(_: list[Any]) -> str:
            run_of = given()[len(before) :]
            if len(set(run_of)) < len(run_of):
                return "a number twice"
            highest, count = max([*before, *run_of], default=0), len(before) + len(run_of)
            return "a gap" if highest > count else ""

        return Race(actors, violation)

    return schedule


DUPLICATE = Pair(
    "number from the highest",
    two_at_once(fails=False),
    lambda: together(
        replaced(issue, "next_number", looked_up),
        without_unique_number(),
        without_constraint(Invoice, "invoice_number_once"),
    ),
    "a number twice",
    pause_after="max\\(sequence\\)|nextval|INTO invoices_series",
)
GAP = Pair("number from a sequence", two_at_once(fails=True), with_sequence, "a gap")


@pytest.mark.parametrize("pair", [DUPLICATE, GAP], ids=lambda pair: pair.name)
def test_the_series_keeps(pair: Pair) -> None:
    assert_kept(pair, rounds=5)


@pytest.mark.parametrize("pair", [DUPLICATE, GAP], ids=lambda pair: pair.name)
def test_without_the_series_lock(pair: Pair) -> None:
    assert_lost(pair, rounds=5)


# --- One order, two workers


def same_event_twice(number: int) -> Race:
    [order] = orders(1)

    def violation(_: list[Any]) -> str:
        invoices = order.invoices.count()
        return f"{invoices} invoices of one order" if invoices != 1 else ""

    return Race([issue_for(order), issue_for(order)], violation)


def unlocked(order: Order, *, now: datetime) -> Invoice | None:
    """`_write_next` without the order's lock."""
    draft = issue._missing(Order.objects.get(pk=order.pk))
    with transaction.atomic():
        return issue._write(draft, now=now) if draft else None


ONCE = Pair(
    "one event, two workers",
    same_event_twice,
    lambda: together(
        replaced(issue, "_write_next", unlocked), without_constraint(Invoice, "one_invoice_per_edition_of_an_order")
    ),
    "2 invoices of one order",
    pause_after='FROM "orders_orderline"',
)


def test_one_order_has_one_invoice() -> None:
    assert_kept(ONCE, rounds=5)


def test_without_the_lock_of_the_order_it_has_two() -> None:
    assert_lost(ONCE, rounds=10)


def test_nobody_changes_what_was_issued(sound: None) -> None:
    [order] = orders(1)
    [invoice] = write(order)
    for change in (
        lambda: Invoice.objects.filter(pk=invoice.pk).update(total_minor=1, net_minor=1, tax_minor=0),
        lambda: Invoice.objects.filter(pk=invoice.pk).update(buyer={}),
        lambda: Invoice.objects.filter(pk=invoice.pk).update(buyer={}, redacted_at=timezone.now()),
        lambda: Invoice.objects.filter(pk=invoice.pk)._raw_delete("default"),
        lambda: InvoiceLine.objects.filter(invoice=invoice).update(name="Another"),
        lambda: InvoiceLine.objects.filter(invoice=invoice).delete(),
    ):
        with pytest.raises(Exception, match="append-only"), transaction.atomic():
            change()
