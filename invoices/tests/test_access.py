"""Who may read an order's invoices: its buyer, staff, a guest with its token; to everybody else it is missing."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory, UserFactory
from invoices.models import Invoice
from payments import operations as payments

from .factories import paid_order, write

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]


def refunded_order(**values: Any) -> list[Invoice]:
    order = paid_order(**values)
    written = write(order)
    line = order.lines.get()
    payments.refund_lines(order, {line.public_id: 1}, reason="Returned", key=order.public_id, now=timezone.now())
    return written + write(order)


def test_the_list_and_the_document_through_the_api() -> None:
    anna = UserFactory.create()
    invoice, note = refunded_order(user=anna)
    api, path = ApiClient.of(anna), f"/orders/{invoice.order.public_id}/invoices"
    first, second = api.get(path).json()["data"]
    assert (first["number"], first["kind"], first["total"], first["corrects"]) == (
        invoice.number, "invoice", 52.9, None,
    )  # fmt: skip
    assert first["taxes"] == [{"rate": 0.19, "net": 44.46, "tax": 8.44}]
    assert (second["kind"], second["total"], second["corrects"], second["refundId"]) == (
        "credit_note", 24, invoice.number, note.refund_id,
    )  # fmt: skip
    document = api.get(first["pdfUrl"].removeprefix("/api"))
    assert (document.status_code, document["Content-Type"]) == (200, "application/pdf")
    assert document.content.startswith(b"%PDF-")
    assert f'filename="invoice-{invoice.number}.pdf"' in document["Content-Disposition"]


def test_a_guest_has_the_orders_token() -> None:
    invoice, _ = refunded_order()
    order = invoice.order
    assert Client().get(f"{invoice.get_absolute_url()}?token={order.access_token}").status_code == 200
    api = ApiClient(order.access_token)
    assert api.get(f"/orders/{order.public_id}/invoices").status_code == 200
    assert api.get(f"/orders/{order.public_id}/invoices/{invoice.number}.pdf").status_code == 200


def test_staff_may_read_them() -> None:
    invoice, _ = refunded_order()
    browser = Client()
    browser.force_login(StaffFactory.create(permissions=["orders.view_order"]))
    assert browser.get(invoice.get_absolute_url()).status_code == 200


def test_another_s_is_missing() -> None:
    invoice, _ = refunded_order()
    ben = UserFactory.create()
    own, _ = refunded_order(user=ben)
    browser = Client()
    browser.force_login(ben)
    path = f"/orders/{invoice.order.public_id}/invoices"
    for address in (invoice.get_absolute_url(), reverse("invoices:pdf", args=[own.order.public_id, invoice.number])):
        assert browser.get(address).status_code == 404
        assert Client().get(address).status_code == 404
    api = ApiClient.of(ben)
    for address in (path, f"{path}/{invoice.number}.pdf", f"/orders/{own.order.public_id}/invoices/2001-000001.pdf"):
        assert api.get(address).status_code == 404
    # Another order's token opens this one no more than none.
    assert Client().get(f"{invoice.get_absolute_url()}?token={own.order.access_token}").status_code == 404


def test_the_order_s_page_leads_to_them() -> None:
    invoice, note = refunded_order()
    order = invoice.order
    page = Client().get(f"{order.get_absolute_url()}?token={order.access_token}&tried=1").content.decode()
    for each in (invoice, note):
        assert f'href="{each.get_absolute_url()}?token={order.access_token}"' in page


def test_the_staff_s_list_asks_a_fixed_number_of_queries(django_assert_max_num_queries: Any) -> None:
    browser = Client()
    browser.force_login(StaffFactory.create(is_superuser=True))
    for _ in range(3):
        refunded_order()
    browser.get("/admin/invoices/invoice/")
    with django_assert_max_num_queries(12):
        page = browser.get("/admin/invoices/invoice/").content.decode()
    for invoice in Invoice.objects.all():
        assert invoice.number in page and invoice.get_absolute_url() in page
    assert browser.get(f"/admin/invoices/invoice/{Invoice.objects.latest('pk').pk}/change/").status_code == 200
