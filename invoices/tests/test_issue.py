"""When an invoice is due, and when a credit note is. The rules: docs/decisions/012-invoices.md."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from checkout.tests.factories import ADDRESS, order_in, place_order
from invoices import operations
from invoices.models import Invoice
from invoices.queries import behind
from orders import operations as orders
from orders.models import Order
from orders.privacy import redact_old
from payments import operations as payments
from payments.tests.sandbox import Sandbox
from shop import outbox, privacy

from .factories import paid_order, pay, write

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]


def relay() -> None:
    outbox.relay(timezone.now() + timedelta(minutes=1))


def kinds(order: Order) -> list[tuple[str, int]]:
    return list(order.invoices.values_list("kind", "total_minor"))


def cancel(order: Order) -> None:
    orders.cancel_order(order, actor="test", reason="test", now=timezone.now())


def test_by_bank_transfer_it_is_due_at_placing_and_says_where_to_pay(settings: Any) -> None:
    settings.SHOP_BANK_ACCOUNT = ["Loam GmbH", "IBAN DE02 1203 0000 0000 2020 51"]
    order = place_order(payment_method="invoice")
    relay()
    invoice = order.invoices.get()
    assert "Please transfer €52.90 by " in invoice.payment_note and "IBAN DE02" in invoice.payment_note
    assert order.number in invoice.payment_note
    pay(order)
    relay()
    assert kinds(order) == [("invoice", 5290)]


def test_a_part_of_what_was_set_aside_does_not_pay_the_order(sandbox: Sandbox, settings: Any) -> None:
    """Staff took a part and gave it back: an invoice of the whole would say that all was paid."""
    settings.SHOP_CAPTURE = "manual"
    order = place_order(payment_method="stripe")
    payment = payments.start(order, now=timezone.now())
    sandbox.pay(payment)
    payment = payments.settle(payment, now=timezone.now())
    payments.capture(payment, 1000, actor="staff", now=timezone.now())
    payments.refund(payment, 400, reason="test", key="a part of it", now=timezone.now())
    order.refresh_from_db()
    assert order.payment_status == "partially_refunded"
    assert write(order) == []
    assert order not in behind(timezone.now())
    payments.refund(payment, 600, reason="test", key="the rest of it", now=timezone.now())
    order.refresh_from_db()
    assert order.payment_status == "refunded"
    assert write(order) == []
    assert order not in behind(timezone.now())


@pytest.mark.parametrize("status", ["pending", "confirmed", "cancelled"])
def test_on_delivery_nothing_is_due_before_it_leaves(status: str) -> None:
    order = order_in(status)
    relay()
    assert kinds(order) == []


def test_on_delivery_it_is_due_when_it_leaves_and_the_day_of_supply_is_that_day() -> None:
    order = order_in("shipped")
    relay()
    invoice = order.invoices.get()
    assert invoice.is_supplied and invoice.supplied_from == invoice.supplied_to == timezone.localdate()
    assert invoice.payment_note == "Please pay €52.90 to the courier."


def test_it_freezes_who_sells_and_who_buys(settings: Any) -> None:
    settings.SHOP_SELLER_NAME, settings.SHOP_SELLER_ADDRESS = "Loam GmbH", ["Lindenallee 7", "10115 Berlin"]
    order = paid_order(billing_address=ADDRESS | {"full_name": "Byron & Co"})
    [invoice] = write(order)
    settings.SHOP_SELLER_NAME = "Another name"
    Order.objects.filter(pk=order.pk).update(billing_address=ADDRESS)
    invoice.refresh_from_db()
    assert invoice.seller["name"] == "Loam GmbH"
    assert invoice.buyer["lines"] == ["Byron & Co", "Lindenallee 7", "10115 Berlin", "Germany"]
    assert invoice.buyer["delivery"][0] == "Ada Byron"
    assert invoice.supplied_from == order.delivery_first and not invoice.is_supplied
    assert invoice.payment_note == "Paid: bank transfer. Nothing is left to pay."


def test_cancelled_unpaid_is_credited_in_full() -> None:
    order = place_order(payment_method="invoice")
    relay()
    cancel(order)
    relay()
    relay()
    assert kinds(order) == [("invoice", 5290), ("credit_note", 5290)]
    assert order.invoices.last().reason == "Order cancelled"  # type: ignore[union-attr]


def test_cancelled_paid_is_credited_by_its_refund() -> None:
    order = paid_order()
    relay()
    cancel(order)
    relay()
    relay()
    note = order.invoices.get(kind="credit_note")
    assert (note.total_minor, note.refund_id) == (5290, order.payments.get().refunds.get().public_id)


def test_cancelled_before_anything_was_written_needs_no_invoice() -> None:
    order = paid_order()
    cancel(order)
    relay()
    relay()
    assert kinds(order) == []


def test_what_was_paid_twice_and_goes_back_is_no_credit() -> None:
    order = paid_order()
    write(order)
    made = order.payments.get()
    made.pk, made.public_id, made.external_id = None, "pay_twin", "twin"
    made.save(force_insert=True)
    made.events.create(kind="capture", phase="success", amount_minor=made.amount_minor, idempotency_key="twin")
    payments.refund(made, made.amount_minor, reason="paid twice", key="twice", now=timezone.now())
    assert write(order) == []


def test_a_lost_event_is_caught_up() -> None:
    order, unpaid = paid_order(), place_order()
    assert operations.catch_up(timezone.now()) == 1
    line = order.lines.get()
    payments.refund_lines(order, {line.public_id: 1}, reason="Returned", key="r", now=timezone.now())
    assert operations.catch_up(timezone.now()) == 1
    assert operations.catch_up(timezone.now()) == 0
    assert kinds(order) == [("invoice", 5290), ("credit_note", 2400)]
    assert kinds(unpaid) == []
    void = place_order(payment_method="invoice")
    assert operations.catch_up(timezone.now()) == 1
    cancel(void)
    assert operations.catch_up(timezone.now()) == 1
    assert operations.catch_up(timezone.now()) == 0


def test_the_mails_about_money_lead_to_it() -> None:
    order = paid_order()
    relay()
    invoice = order.invoices.get()
    [paid] = [each for each in mail.outbox if "is paid" in each.subject]
    link = f"http://127.0.0.1:8000{invoice.get_absolute_url()}?token={order.access_token}"
    assert link in paid.body and link in paid.alternatives[0].content  # type: ignore[attr-defined]
    payments.refund_order(order, reason="Returned", now=timezone.now())
    relay()
    [refunded] = [each for each in mail.outbox if "Refund" in each.subject]
    assert order.invoices.get(kind="credit_note").get_absolute_url() in refunded.body


def test_it_forgets_the_buyer_with_the_order() -> None:
    order = order_in("delivered")
    [invoice] = write(order)
    total = invoice.total_minor
    redact_old(timezone.now() + timedelta(days=11 * 366))
    privacy.expire(timezone.now())
    invoice = Invoice.objects.get()
    assert invoice.redacted_at and invoice.buyer == {"lines": [], "delivery": [], "email": "", "country": "DE"}
    assert invoice.total_minor == total
    assert operations.render(invoice)
