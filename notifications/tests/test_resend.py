"""A mail about an order, sent once more: by its buyer, by staff, by a program."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory, UserFactory
from checkout.tests.factories import order_in, place_order
from notifications.handlers import TOPICS
from notifications.models import MailLog
from notifications.queries import confirmation, earned
from orders import operations as orders
from orders.models import Order
from shop import outbox
from shop.models import OutboxEvent
from shop.rate_limits import LIMITS

pytestmark = pytest.mark.django_db


def relay() -> list[Any]:
    outbox.relay(timezone.now())
    sent: list[Any] = [message for message in mail.outbox if message.to == ["ada@example.com"]]
    mail.outbox.clear()
    return sent


def test_the_buyer_asks_for_the_confirmation(client: Client) -> None:
    order = place_order()
    first = relay()
    url = f"/orders/{order.public_id}/resend/"
    assert client.post(url).status_code == 404
    page = client.post(url, {"token": order.access_token}, follow=True)
    assert "is on its way to ada@example.com again" in page.text
    again = relay()
    assert len(first) == len(again) == 1
    assert first[0].subject == again[0].subject
    ids = {message.extra_headers["Message-ID"] for message in first + again}
    assert len(ids) == 2, "a mail program would show the second as the first"
    assert MailLog.objects.filter(order=order).count() == 2
    event = order.events.get(type="mail_again")
    assert (event.actor, event.payload) == ("guest", {"mail": "placed"})
    assert "Mail sent again" in client.get(order.get_absolute_url()).text


def test_a_repeated_event_sends_it_once(client: Client) -> None:
    order = place_order()
    client.post(f"/orders/{order.public_id}/resend/", {"token": order.access_token})
    payload = OutboxEvent.objects.get(topic="order.mail_requested").payload
    for _ in range(2):
        TOPICS["order.mail_requested"](payload)
    assert len(mail.outbox) == 1


def test_it_is_throttled_for_each_order(api: ApiClient) -> None:
    order = place_order()
    program = ApiClient(order.access_token)
    path, burst = f"/orders/{order.public_id}/resend", LIMITS["resend"].burst
    statuses = [program.post(path, {"mail": "placed"}).status_code for _ in range(burst + 1)]
    assert statuses == [202] * burst + [429]
    other = place_order()
    assert (
        ApiClient(other.access_token).post(f"/orders/{other.public_id}/resend", {"mail": "placed"}).status_code == 202
    )


def test_the_json_twin(customer: User, customer_api: ApiClient, api: ApiClient) -> None:
    order = place_order(user=customer)
    path = f"/orders/{order.public_id}/resend"
    answer = customer_api.post(path, {"mail": "placed"})
    assert answer.status_code == 202
    assert answer.json()["data"] == {"orderId": order.public_id, "mail": "placed"}
    refused = customer_api.post(path, {"mail": "shipped"})
    assert refused.status_code == 409
    assert (refused.json()["code"], refused.json()["allowed"]) == ("mail_not_earned", ["placed"])
    assert customer_api.post(path, {"mail": "advertising"}).status_code == 400
    stranger = ApiClient.of(UserFactory.create())
    for caller in (api, stranger):
        assert caller.post(path, {"mail": "placed"}).status_code == 404


def test_what_is_no_longer_true_is_not_sent() -> None:
    """Asked for while unpaid; paid before the worker got to it."""
    order = place_order(payment_method="invoice")
    OutboxEvent.objects.all().delete()
    payload = {"order_id": order.public_id, "mail": "placed", "request_id": "mail_1"}
    orders.mark_paid(order, payment_reference="pay_1", now=timezone.now())
    TOPICS["order.mail_requested"](payload)
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("status", "mails"),
    [
        ("pending", ["placed"]),
        ("confirmed", ["placed"]),
        ("shipped", ["placed", "shipped"]),
        ("delivered", ["placed", "shipped", "delivered"]),
        ("cancelled", ["cancelled"]),
    ],
)
def test_earned(status: str, mails: list[str]) -> None:
    assert earned(order_in(status)) == mails


def test_a_card_has_no_confirmation_before_it_was_charged(customer: User, browser: Client) -> None:
    order = place_order(payment_method="stripe", user=customer)
    assert confirmation(order) == ""
    assert "confirmation again" not in browser.get(order.get_absolute_url()).text
    answer = browser.post(f"/orders/{order.public_id}/resend/", follow=True)
    assert "There is no such mail" in answer.text
    order = orders.mark_paid(order, payment_reference="pay_1", now=timezone.now())
    assert confirmation(order) == "paid"
    assert "confirmation again" in browser.get(order.get_absolute_url()).text


# --- Staff


def mails_page(order: Order) -> str:
    return f"/admin/notifications/maillog/order/{order.pk}/"


def test_staff_see_what_was_sent_and_send_it_again(admin_browser: Client) -> None:
    order = order_in("shipped")
    relay()
    assert mails_page(order) in admin_browser.get(f"/admin/orders/order/{order.pk}/change/").text
    page = admin_browser.get(mails_page(order))
    assert f"Order {order.number} is on its way" in page.text and "ada@example.com" in page.text
    assert 'value="shipped"' in page.text and 'value="cancelled"' not in page.text
    answer = admin_browser.post(mails_page(order), {"mail": "shipped"}, follow=True)
    assert "on its way to ada@example.com" in answer.text
    assert [message.subject for message in relay()] == [f"Order {order.number} is on its way"]
    assert order.events.get(type="mail_again").actor.startswith("user_")
    refused = admin_browser.post(mails_page(order), {"mail": "refunded"}, follow=True)
    assert "There is no such mail" in refused.text


def test_who_may_only_look_sends_nothing() -> None:
    order = place_order()
    looker = Client()
    looker.force_login(StaffFactory.create(permissions=["orders.view_order", "notifications.view_maillog"]))
    page = looker.get(mails_page(order))
    assert page.status_code == 200 and "Send again" not in page.text
    assert looker.post(mails_page(order), {"mail": "placed"}).status_code == 403
    powerless = Client()
    powerless.force_login(StaffFactory.create(permissions=["orders.view_order"]))
    assert powerless.get(mails_page(order)).status_code == 403
