"""A planted bad row is seen as exactly that one. The triggers that forbid it are off while it is planted."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.utils import timezone

from checkout.tests.books import broken
from invoices.models import Invoice, InvoiceLine, Series
from orders.models import Order
from payments import operations as payments

from .factories import paid_order, write


def sql(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def invoice() -> Invoice:
    return Invoice.objects.get(kind="invoice")


def number_left_out() -> None:
    Invoice.objects.filter(kind="invoice").update(sequence=2, number=f"{timezone.localdate().year}-000002")
    Series.objects.filter(code="").update(last=2)


def number_given_and_lost() -> None:
    Series.objects.filter(code="").update(last=2)


def number_of_another() -> None:
    Invoice.objects.filter(kind="invoice").update(number="2001-000001")


def sum_that_is_not_its_lines() -> None:
    Invoice.objects.filter(kind="invoice").update(net_minor=1, tax_minor=0, total_minor=1)


def figures_that_are_not_the_orders() -> None:
    """Tax for net, in the line and in the sum: each adds up for itself."""
    line = InvoiceLine.objects.get(invoice=invoice(), kind="shipping")
    InvoiceLine.objects.filter(pk=line.pk).update(net_minor=line.net_minor + 1, tax_minor=line.tax_minor - 1)
    Invoice.objects.filter(kind="invoice").update(net_minor=invoice().net_minor + 1, tax_minor=invoice().tax_minor - 1)


def two_that_stand() -> None:
    sql("ALTER TABLE invoices_invoice DROP CONSTRAINT one_invoice_per_edition_of_an_order")
    first = invoice()
    first.pk, first.public_id, first.sequence = None, "inv_twin", 2
    first.number, first.net_minor, first.tax_minor, first.total_minor = f"{first.year}-000002", 0, 0, 0
    first.save(force_insert=True)
    Series.objects.filter(code="").update(last=2)


def credited_twice() -> None:
    note = Invoice.objects.get(kind="credit_note")
    line = note.lines.get()
    line.pk, line.position = None, 2
    line.save(force_insert=True)
    Invoice.objects.filter(pk=note.pk).update(
        net_minor=note.net_minor * 2, tax_minor=note.tax_minor * 2, total_minor=note.total_minor * 2
    )


def credit_of_nothing() -> None:
    InvoiceLine.objects.filter(invoice__kind="credit_note").update(corrects=None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("code", "plant"),
    [
        ("INV1", number_left_out),
        ("INV1", number_given_and_lost),
        ("INV1", number_of_another),
        ("INV2", sum_that_is_not_its_lines),
        ("INV3", figures_that_are_not_the_orders),
        ("INV3", two_that_stand),
        ("INV4", credited_twice),
        ("INV4", credit_of_nothing),
    ],
)
def test_planted_row_is_seen_as_exactly_that_one(code: str, plant: Callable[[], None]) -> None:
    order: Order = paid_order()
    write(order)
    line = order.lines.get()
    payments.refund_lines(order, {line.public_id: 2}, reason="Returned", key="r", now=timezone.now())
    write(order)
    assert broken() == {}
    tables = ("invoices_invoice", "invoices_invoiceline")
    sql(*(f"ALTER TABLE {table} DISABLE TRIGGER append_only" for table in tables))
    try:
        plant()
        found = broken()
        assert list(found) == [code]
        assert len(found[code]) == 1
    finally:
        sql(*(f"TRUNCATE {table} CASCADE" for table in tables))
        sql(*(f"ALTER TABLE {table} ENABLE TRIGGER append_only" for table in tables))
        if plant is two_that_stand:
            sql(
                "ALTER TABLE invoices_invoice ADD CONSTRAINT one_invoice_per_edition_of_an_order"
                " UNIQUE (order_id, edition)"
            )
