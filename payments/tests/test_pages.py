from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.tests.factories import StaffFactory, UserFactory
from orders import operations as orders
from orders.models import Order
from payments import operations
from payments.models import Payment

from .factories import place_order
from .sandbox import Sandbox


@pytest.fixture
def guest() -> Client:
    return Client()


def address(order: Order, page: str, *, token: bool = True) -> str:
    return f"/orders/{order.public_id}/{page}" + (f"?token={order.access_token}" if token else "")


def test_pay_page_offers_every_way(guest: Client, payment: Payment) -> None:
    response = guest.get(address(payment.order, "pay/"), follow=True)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    for code in ("stripe", "invoice", "cod"):
        assert f'value="{code}"' in response.content.decode()


def test_pay_again_leads_to_the_open_session(guest: Client, payment: Payment) -> None:
    response = guest.post(address(payment.order, "pay/start/"))
    assert (response.status_code, response["Location"]) == (303, payment.redirect_url)


def test_staff_who_may_only_look_start_nothing(payment: Payment) -> None:
    browser = Client()
    browser.force_login(StaffFactory.create(permissions=["orders.view_order"]))
    assert browser.get(address(payment.order, "pay/", token=False)).status_code == 200
    response = browser.post(address(payment.order, "pay/start/", token=False), {"payment_method": "cod"})
    assert response.status_code == 404


def test_other_way_leads_to_the_order(guest: Client, payment: Payment) -> None:
    response = guest.post(address(payment.order, "pay/start/"), {"payment_method": "cod"})
    assert response.status_code == 303
    assert response["Location"].startswith(payment.order.get_absolute_url())
    payment.order.refresh_from_db()
    assert (payment.order.status, payment.order.payment_method) == ("confirmed", "cod")


def test_unknown_way_is_refused(guest: Client, payment: Payment) -> None:
    assert guest.post(address(payment.order, "pay/start/"), {"payment_method": "gold"}).status_code == 400


def test_way_that_is_not_set_up_is_not_offered(guest: Client, order: Order, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = ""
    assert 'value="stripe"' not in guest.get(address(order, "pay/"), follow=True).content.decode()


def test_provider_away_says_so_and_keeps_the_page(guest: Client, order: Order, settings: Any) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    response = guest.post(address(order, "pay/start/"))
    assert response.status_code == 503
    assert "reached right now" in response.content.decode()
    assert "Pay " in response.content.decode()


def test_return_asks_the_provider_and_shows_the_order(guest: Client, sandbox: Sandbox, payment: Payment) -> None:
    location = sandbox.pay(payment).headers["Location"]
    path = location.removeprefix("http://127.0.0.1:8000")
    assert path == address(payment.order, "paid/")

    response = guest.get(path)
    assert response.status_code == 302
    assert response["Location"].startswith(payment.order.get_absolute_url())
    payment.order.refresh_from_db()
    assert payment.order.payment_status == "paid"
    assert guest.get(path).status_code == 302  # reloaded
    assert guest.get(response["Location"], follow=True).status_code == 200


def test_return_without_having_paid_leads_back_to_paying(guest: Client, payment: Payment) -> None:
    for claim in ("&redirect_status=succeeded", "&session_id=cs_test_x", "&paid=1"):
        response = guest.get(address(payment.order, "paid/") + claim)
        assert response["Location"].startswith(address(payment.order, "pay/", token=False))
    payment.order.refresh_from_db()
    assert payment.order.payment_status == "pending"


def test_return_with_the_provider_away_shows_the_order(guest: Client, payment: Payment, settings: Any) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    response = guest.get(address(payment.order, "paid/"))
    assert response["Location"].startswith(payment.order.get_absolute_url())


def test_paid_order_has_nothing_to_pay(guest: Client, paid: Payment) -> None:
    assert guest.get(address(paid.order, "pay/"))["Location"].startswith(paid.order.get_absolute_url())
    response = guest.post(address(paid.order, "pay/start/"))
    assert response["Location"].startswith(paid.order.get_absolute_url())


def test_what_went_back_stands_beside_the_total(guest: Client, admin_browser: Client, paid: Payment) -> None:
    page = f"{paid.order.get_absolute_url()}?token={paid.order.access_token}"
    assert "Refunded" not in guest.get(page, follow=True).text
    operations.refund(paid, 1000, reason="a scratch", key="one", now=timezone.now())
    assert "<dt>Refunded</dt><dd>−€10.00</dd>" in guest.get(page, follow=True).text
    of_staff = admin_browser.get(f"/admin/orders/order/{paid.order.pk}/change/").text
    assert "€10.00 of €52.90 went back to the buyer" in of_staff
    payment = admin_browser.get(f"/admin/payments/payment/{paid.pk}/change/").text
    assert payment.count("€10.00") == 4 and paid.external_id and paid.external_id in payment.replace("<wbr>", "")


def test_cancelled_order_says_that_it_is_over(guest: Client, payment: Payment) -> None:
    orders.cancel_order(payment.order, actor="guest", reason="changed my mind", now=timezone.now())
    assert "can&#x27;t be paid" in guest.post(address(payment.order, "pay/start/")).content.decode()
    assert guest.get(address(payment.order, "pay/"), follow=True).status_code == 200


PAGES = [("get", "pay/"), ("post", "pay/start/"), ("get", "paid/")]


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "page"), PAGES)
def test_stranger_finds_no_order(guest: Client, method: str, page: str) -> None:
    order = place_order(user=UserFactory.create())
    other_token = place_order().access_token
    signed_in = Client()
    signed_in.force_login(UserFactory.create())

    for client, query in ((guest, ""), (signed_in, ""), (guest, "?token="), (guest, f"?token={other_token}")):
        response = getattr(client, method)(address(order, page, token=False) + query)
        missing = getattr(client, method)(f"/orders/order_missing/{page}{query}")
        assert response.status_code == missing.status_code == 404
    assert not order.payments.exists()


def test_owner_needs_no_token(sandbox: Sandbox) -> None:
    owner = UserFactory.create()
    order = place_order(user=owner)
    browser = Client()
    browser.force_login(owner)
    for method, page in PAGES:
        assert getattr(browser, method)(address(order, page, token=False)).status_code in {200, 302, 303}


@pytest.mark.django_db
def test_foreign_site_can_not_start_a_payment() -> None:
    owner = UserFactory.create()
    order = place_order(user=owner)
    browser = Client(headers={"Sec-Fetch-Site": "cross-site"})
    browser.force_login(owner)
    assert browser.post(address(order, "pay/start/", token=False)).status_code == 403
    assert not order.payments.exists()


def test_staff_book_money_and_refund_it(admin_browser: Client, sandbox: Sandbox) -> None:
    payment = operations.start(place_order(payment_method="invoice"), now=timezone.now())
    listing = "/admin/payments/payment/"
    for action, expected in (("record_money", "paid"), ("refund_in_full", "refunded")):
        response = admin_browser.post(listing, {"action": action, "_selected_action": [payment.pk]}, follow=True)
        assert response.status_code == 200
        payment.order.refresh_from_db()
        assert payment.order.payment_status == expected
    assert admin_browser.get(f"{listing}{payment.pk}/change/").status_code == 200
    assert admin_browser.get("/admin/payments/webhookevent/").status_code == 200
