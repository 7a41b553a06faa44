"""Requests that nobody sends by accident."""

import json
import logging
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import PASSWORD
from checkout.tests.factories import place_order
from orders.models import Order
from shop import rate_limits
from shop.ids import new_id

pytestmark = pytest.mark.django_db
EVIL = [
    "//evil.example",
    "/\\evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "\\\\evil.example",
    "///e.x",
]


@pytest.fixture
def order(customer: User) -> Order:
    return place_order(user=customer)


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_no_header_makes_another_method_of_it(name: str, order: Order, browser: Client) -> None:
    path = f"/orders/{order.public_id}/cancel/"
    assert browser.get(path, headers={name: "POST"}).status_code == 405
    assert browser.post("/products/", {"_method": "DELETE"}, headers={name: "GET"}).status_code == 405
    order.refresh_from_db()
    assert order.status != Order.Status.CANCELLED


@pytest.mark.parametrize("spelling", ["/orders/{}", "//orders/{}/", "/orders/{}//", "/orders/./{}/", "/orders/%2e/{}/"])
def test_slashes_and_dots_open_no_order(spelling: str, order: Order) -> None:
    assert Client().get(spelling.format(order.public_id), follow=True).status_code == 404


def test_an_order_opens_to_its_whole_token_alone(order: Order) -> None:
    token = order.access_token
    assert len(token) >= 22, "22 characters of 62 carry 130 bits"
    for wrong in ("", token[:-1], token + "x", token.swapcase(), "null", "undefined", order.number, order.public_id):
        assert Client().get(f"/orders/{order.public_id}/", {"token": wrong}).status_code == 404, wrong
        assert ApiClient(wrong).get(f"/orders/{order.public_id}").status_code == 404, wrong


@pytest.mark.parametrize("target", EVIL)
def test_sign_in_leads_to_our_own_pages_alone(target: str, customer: User) -> None:
    entered = {"email": customer.email, "password": PASSWORD, "next": target}
    answer = Client().post("/account/login/", entered)
    assert answer["Location"] == "/account/"


def test_a_foreign_host_is_refused_and_a_forwarded_one_ignored(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    assert Client().get("/", headers={"Host": "evil.example"}).status_code == 400
    forwarded = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil", "X-Forwarded-Port": "1"}
    page = Client().get("/", headers=forwarded)
    assert page.status_code == 200
    assert b"evil" not in page.content
    assert "evil" not in Client().get("/api/products?limit=1", headers=forwarded)["Link"]


def test_going_through_ids_finds_nothing_and_is_stopped(api: ApiClient) -> None:
    # As after the first hundreds, which would take minutes.
    rate_limits.take("read", "127.0.0.1", cost=rate_limits.LIMITS["read"].burst - 10)
    statuses = [api.get(f"/orders/{new_id('order')}").status_code for _ in range(100)]
    assert set(statuses) == {404, 429}


def test_paying_again_and_again_is_stopped(order: Order, browser: Client) -> None:
    """Each attempt takes from the same bucket as the order itself; the provider judges the cards."""
    path = f"/orders/{order.public_id}/pay/start/"
    statuses = []
    for _ in range(30):
        # Without a way to pay, the form is refused before any provider is asked, and the attempt counts all the same.
        statuses.append(browser.post(path, {"payment_method": "none"}).status_code)
    assert 429 in statuses


def test_a_form_of_thousands_of_fields_is_refused(settings: Any) -> None:
    fields = {f"f{number}": "x" for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)}
    assert Client().post("/cart/items/", fields).status_code == 400
    assert (
        Client().post("/account/login/", "a=1&" * 5000, content_type="application/x-www-form-urlencoded").status_code
        == 400
    )


@pytest.mark.parametrize(
    "path",
    ["/.env", "/.git/config", "/.git/HEAD", "/static/../config/settings.py", "/static/%2e%2e/manage.py",
     "/media/../manage.py", "/static/..%2fmanage.py", "/manage.py", "/config/settings.py", "/requirements.txt",
     "/var/", "/server-status", "/phpinfo.php", "/wp-login.php", "/__debug__/", "/api/.env", "/dev/mail"],
)  # fmt: skip
def test_nothing_of_the_machine_is_served(path: str, settings: Any) -> None:
    settings.SHOP_DEV_PAGES = False
    answer = Client().get(path)
    assert answer.status_code == 404
    assert b"Traceback" not in answer.content and b"DEBUG" not in answer.content


def test_the_log_holds_no_secret(
    customer: User, order: Order, api: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Refusals are what gets logged: passwords, tokens, cards and addresses are sent where they are refused."""
    caplog.set_level(logging.DEBUG)
    token = ApiClient.of(customer).bearer
    card, password = "4242424242424242", "my very secret passphrase"
    api.post("/users/login", {"email": customer.email, "password": password})
    api.post("/users/register", {"email": customer.email, "password": password})
    api.post("/orders", {"cartId": "cart_none", "cardNumber": card, "email": customer.email})
    ApiClient(token).get("/no-such-endpoint")
    ApiClient(token + "x").get("/users/me")
    Client().post("/account/login/", {"email": customer.email, "password": password})
    Client().get(f"/orders/{order.public_id}/no-such/?token={order.access_token}")
    Client().get(f"/orders/{order.public_id}/", {"token": order.access_token})
    Client().post("/webhooks/stripe", json.dumps({"card": card}), content_type="application/json")
    logged = "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records)
    written = "\n".join(
        line for line in logged.splitlines() if not line.startswith(("(0.", "BEGIN", "INSERT", "SELECT"))
    )
    assert [secret for secret in (token, card, password, order.access_token) if secret in written] == []
