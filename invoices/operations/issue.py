"""Which document an order lacks, and the transaction that writes it. docs/decisions/012-invoices.md has the rules."""

import logging
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from orders.models import Order
from shop import outbox

from ..models import Invoice, InvoiceLine, number_of
from ..queries import behind, edition_of, is_due, standing, uncredited
from . import content
from .content import Draft

log = logging.getLogger(__name__)
BATCH = 200


def write_what_is_due(order: Order, *, now: datetime) -> list[Invoice]:
    """Writes every invoice and credit note that the order lacks; a second time writes nothing.

    Each document is a transaction of its own, so that its number is given last of all.
    Locks: the order, then the series.
    """
    written = []
    while document := _write_next(order, now=now):
        written.append(document)
    return written


def catch_up(now: datetime) -> int:
    """Writes what no event has led to; returns how many documents. One order that fails leaves the others alone."""
    written = 0
    for order in behind(now).order_by("pk")[:BATCH]:
        try:
            written += len(write_what_is_due(order, now=now))
        except Exception:
            log.exception("the invoices of order %s could not be written", order.public_id)
    return written


def next_number(series: str, year: int) -> int:
    """The number after the last one, without a gap: whoever rolls back gives it back.

    Rivals wait here until we commit, so it belongs at the very end of a transaction. A sequence of PostgreSQL makes
    nobody wait and takes nothing back: each transaction that fails would leave a gap.
    Locks: the series.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO invoices_series AS s (code, year, last) VALUES (%s, %s, 1)"
            " ON CONFLICT (code, year) DO UPDATE SET last = s.last + 1 RETURNING last",
            [series, year],
        )
        number: int = cursor.fetchone()[0]
        return number


@transaction.atomic
def _write_next(order: Order, *, now: datetime) -> Invoice | None:
    # One after the other: two events of one order at once would both find the same document missing.
    order = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
    draft = _missing(order)
    return _write(draft, now=now) if draft else None


def _missing(order: Order) -> Draft | None:
    """The next document that the order lacks, in the order in which they have to be written."""
    if order.redacted_at:
        return None
    last, edition = standing(order), edition_of(order)
    if last and last.edition != edition and (draft := content.credit_of_the_rest(last, order, "Order changed")):
        return draft
    if (last is None or last.edition != edition) and is_due(order):
        return content.invoice_of(order, edition)
    if last is None:
        return None
    for refund in uncredited(order):
        if draft := content.credit_of(last, order, refund):
            return draft
    is_void = (order.status, order.payment_status) == (Order.Status.CANCELLED, Order.PaymentStatus.VOIDED)
    return content.credit_of_the_rest(last, order, "Order cancelled") if is_void else None


def _write(draft: Draft, *, now: datetime) -> Invoice:
    invoice = draft.invoice
    invoice.issued_at, invoice.issued_on = now, timezone.localdate(now)
    outbox.publish(
        "invoice.issued",
        key=f"invoice.issued:{invoice.public_id}",
        payload={"order_id": invoice.order.public_id, "invoice_id": invoice.public_id},
    )
    invoice.year = invoice.issued_on.year
    invoice.sequence = next_number(invoice.series, invoice.year)
    invoice.number = number_of(invoice.series, invoice.year, invoice.sequence)
    invoice.save(force_insert=True)
    for position, line in enumerate(draft.lines, start=1):
        line.invoice, line.position = invoice, position
    InvoiceLine.objects.bulk_create(draft.lines)
    return invoice
