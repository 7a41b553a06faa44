"""Refunds for staff: the JSON address and the page in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from orders import operations as orders
from payments import operations
from payments.models import Payment, Refund

pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser(email="staff@example.com", password="a fine long passphrase"))
    return client


def address(payment: Payment) -> str:
    return f"/api/orders/{payment.order.public_id}/refunds"


def post(client: Client, payment: Payment, body: dict[str, Any], key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(address(payment), body, content_type="application/json", headers=headers)


def test_units_and_delivery(staff: Client, paid: Payment, since: Callable[..., int]) -> None:
    line = paid.order.lines.get()
    body = {"items": [{"itemId": line.public_id, "quantity": 1}], "shipping": 4.9, "reason": "too small"}
    first = post(staff, paid, body, key="one")
    again = post(staff, paid, body, key="one")
    assert first.status_code == again.status_code == 201
    [made] = first.json()["data"]
    assert first.json() == again.json()
    assert (made["kind"], made["status"], made["amount"], made["shipping"]) == ("lines", "succeeded", 28.9, 4.9)
    assert made["items"] == [{"itemId": line.public_id, "quantity": 1, "net": 20.17, "tax": 3.83, "total": 24.0}]
    assert since("refunds") == 1
    assert staff.get(address(paid)).json()["data"] == [made]


def test_an_amount(staff: Client, paid: Payment) -> None:
    [made] = post(staff, paid, {"amount": 5}).json()["data"]
    assert (made["kind"], made["amount"]) == ("amount", 5.0)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"amount": 5, "shipping": 1}, 400),
        ({"amount": 0}, 400),
        ({"items": [{"itemId": "item_missing", "quantity": 1}]}, 400),
        ({"shipping": 4.91}, 409),
        ({"amount": 1000}, 409),
    ],
)
def test_what_is_refused(staff: Client, paid: Payment, body: dict[str, Any], status: int) -> None:
    assert post(staff, paid, body).status_code == status
    assert not Refund.objects.exists()


def test_for_staff_alone(client: Client, paid: Payment) -> None:
    assert client.get(address(paid)).status_code == 401
    assert post(client, paid, {"amount": 1}).status_code == 401
    client.force_login(User.objects.create_user(email="anna@example.com", password="a fine long passphrase"))
    assert post(client, paid, {"amount": 1}).status_code == 403


def test_units_that_came_back_are_a_return(staff: Client, paid: Payment) -> None:
    line = paid.order.lines.get()
    body = {"items": [{"itemId": line.public_id, "quantity": 1}], "restock": True}
    assert post(staff, paid, body).status_code == 409  # nothing has been delivered
    orders.ship(paid.order, actor="staff", now=timezone.now())
    orders.deliver(paid.order, actor="staff", now=timezone.now())
    [made] = post(staff, paid, body).json()["data"]
    paid.order.refresh_from_db()
    returned = paid.order.returns.get()
    assert (returned.status, returned.refund_id) == ("refunded", made["refundId"])
    assert paid.order.fulfillment_status == "partially_returned"


def test_units_that_came_back_go_back_once_for_a_key(paid: Payment, since: Callable[..., int]) -> None:
    """A second click, or a request whose answer was lost: not one unit more is booked or paid."""
    order = paid.order
    orders.ship(order, actor="staff", now=timezone.now())
    orders.deliver(order, actor="staff", now=timezone.now())
    given: dict[str, Any] = {"reason": "came back", "key": "one wish", "actor": "staff", "is_restocked": True}
    units = {order.lines.get().public_id: 1}
    made = operations.refund_units(order, units, now=timezone.now(), **given)
    assert operations.refund_units(order, units, now=timezone.now(), **given) == made
    assert (order.returns.count(), since("refunds")) == (1, 1)


def test_the_page_shows_the_sum_first(staff: Client, paid: Payment, since: Callable[..., int]) -> None:
    line = paid.order.lines.get()
    url = reverse("admin:payments_payment_refund", args=[paid.pk])
    assert "2 of 2 left" in staff.get(url).content.decode()
    data = {line.public_id: "1", "shipping": "", "amount": "", "reason": "too small", "key": "k1"}
    shown = staff.post(url, data)
    assert shown.status_code == 200
    total = shown.context["preview"]["total"]
    assert since("refunds") == 0

    changed = staff.post(url, data | {line.public_id: "2", "shown": total, "confirmed": ""})
    assert changed.status_code == 200  # another sum than was shown
    done = staff.post(url, data | {"shown": total, "confirmed": ""})
    assert done.status_code == 302
    assert since("refunds") == 1
    assert Refund.objects.get().amount_minor == 2400
    assert staff.post(url, data | {"shown": total, "confirmed": ""}).status_code in {200, 302}
    assert since("refunds") == 1


def test_the_pages_of_a_payment(staff: Client, paid: Payment) -> None:
    page = staff.get(reverse("admin:payments_payment_change", args=[paid.pk])).content.decode()
    assert reverse("admin:payments_payment_refund", args=[paid.pk]) in page
    compared = staff.get(reverse("admin:payments_payment_compare", args=[paid.pk])).content.decode()
    assert "about the same money" in compared
