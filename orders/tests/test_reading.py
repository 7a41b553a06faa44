"""GET of one order and of a person's orders; the pages of the same."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory, UserFactory
from checkout.tests.factories import make_variant, order_in, place_order
from orders.models import Order

pytestmark = pytest.mark.usefixtures("sound")
MISSING = "order_0123456789abcdefghijAB"


def without_id(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "requestId"}


@pytest.fixture
def order(customer: User) -> Order:
    return place_order(user=customer)


def test_its_buyer_and_staff_see_it(order: Order, customer_api: ApiClient) -> None:
    staff = ApiClient.of(StaffFactory.create(permissions=["orders.view_order"]))
    for client in (customer_api, staff):
        answer = client.get(f"/orders/{order.public_id}")
        assert answer.status_code == 200
        assert answer.json()["data"]["orderId"] == order.public_id


def test_a_guest_has_the_token(api: ApiClient) -> None:
    order = place_order()
    token = order.access_token
    assert len(token) >= 43  # 256 bits
    assert api.get(f"/orders/{order.public_id}?token={token}").status_code == 200
    assert ApiClient(token).get(f"/orders/{order.public_id}").status_code == 200
    other = place_order()
    assert api.get(f"/orders/{other.public_id}?token={token}").status_code == 404


def test_anybody_elses_is_as_one_that_never_was(order: Order, api: ApiClient) -> None:
    stranger = ApiClient.of(UserFactory.create())
    powerless = ApiClient.of(StaffFactory.create())
    for client in (api, stranger, powerless, ApiClient("wrong"), ApiClient(order.number)):
        foreign, missing = client.get(f"/orders/{order.public_id}"), client.get(f"/orders/{MISSING}")
        assert (foreign.status_code, missing.status_code) == (404, 404)
        assert without_id(foreign) == without_id(missing)
        assert client.post(f"/orders/{order.public_id}/cancel").status_code == 404
    assert api.get(f"/orders/{order.public_id}?token=%00").status_code == 400
    for query in ("?token=", "?token=%ED%A0%80", f"?token={order.number}"):
        assert api.get(f"/orders/{order.public_id}{query}").status_code == 404
    for name in (order.number, str(order.pk), "order_%00", "order_%ff", "x" * 5000):
        assert api.get(f"/orders/{name}").status_code == 404, name


def test_lists_are_ones_own(order: Order, customer: User, customer_api: ApiClient, api: ApiClient) -> None:
    place_order()
    for path in (f"/orders/user/{customer.public_id}", "/orders/user/me", f"/users/{customer.public_id}/orders"):
        body = customer_api.get(path).json()
        assert [row["orderId"] for row in body["data"]] == [order.public_id]
        assert body["pagination"] == {"limit": 20, "offset": 0, "total": 1, "hasMore": False}
        assert api.get(path).status_code == 401
    stranger = ApiClient.of(UserFactory.create())
    foreign = stranger.get(f"/orders/user/{customer.public_id}")
    missing = stranger.get("/orders/user/user_0123456789")
    assert (foreign.status_code, without_id(foreign)) == (404, without_id(missing))
    staff = ApiClient.of(StaffFactory.create(permissions=["orders.view_order"]))
    assert len(staff.get(f"/orders/user/{customer.public_id}").json()["data"]) == 1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=1", 200),
        ("limit=100&offset=10000", 200),
        ("limit=0", 400),
        ("limit=101", 400),
        ("limit=-1", 400),
        ("limit=abc", 400),
        ("limit=1.5", 400),
        ("offset=-1", 400),
        ("offset=10001", 400),
        ("offset=1e12", 400),
    ],
)
def test_paging_is_bounded(order: Order, customer_api: ApiClient, query: str, status: int) -> None:
    assert customer_api.get(f"/orders/user/me?{query}").status_code == status


def test_paging_goes_through_all(customer: User, customer_api: ApiClient) -> None:
    variant = make_variant(stock=100)
    placed = [place_order(variant, user=customer).public_id for _ in range(3)]
    first = customer_api.get("/orders/user/me?limit=2").json()
    rest = customer_api.get("/orders/user/me?limit=2&offset=2").json()
    assert [row["orderId"] for row in first["data"] + rest["data"]] == placed[::-1]
    assert (first["pagination"]["hasMore"], rest["pagination"]["hasMore"]) == (True, False)


def queries_of(read: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert read().status_code == 200
    return len(captured)


def test_lists_cost_the_same_for_one_order_and_for_many(
    customer: User, customer_api: ApiClient, browser: Client
) -> None:
    variants = [make_variant(stock=100), make_variant(stock=100)]
    readers = [
        lambda: customer_api.get("/orders/user/me"),
        lambda: browser.get("/account/orders/"),
    ]
    place_order(variants[0], user=customer)
    for read in readers:
        read()
    few = [queries_of(read) for read in readers]
    for _ in range(4):
        place_order(*variants, user=customer)
    assert [queries_of(read) for read in readers] == few
    assert max(few) <= 13


# --- Pages


def test_page_of_a_guest_needs_the_token_once_in_this_browser(client: Client) -> None:
    order = place_order()
    assert client.get(order.get_absolute_url()).status_code == 404
    page = client.get(f"{order.get_absolute_url()}?token={order.access_token}", follow=True)
    assert page.status_code == 200
    assert order.number in page.text and "noindex" in page.text
    assert "no-store" in page["Cache-Control"]


def test_the_token_leaves_the_address_bar(client: Client, browser: Client) -> None:
    order = place_order()
    url, token = order.get_absolute_url(), order.access_token
    asked = client.get(f"{url}?token={token}&placed=1")
    assert "sessionid" in asked.cookies and "no-store" in asked["Cache-Control"]
    assert client.get(asked["Location"])["Location"] == f"{url}?placed=1"
    assert "Thank you for your order" in client.get(f"{url}?placed=1").text
    # Who has a cookie already goes there at once.
    assert browser.get(f"{url}?token={token}")["Location"] == url
    assert browser.get(f"{url}pay/?token={token}")["Location"] == f"{url}pay/"
    assert Client().get(f"{url}?token=wrong").status_code == 404
    assert len(browser.session["orders"]) == 1


def test_without_cookies_the_token_does(client: Client) -> None:
    order = place_order()
    asked = client.get(f"{order.get_absolute_url()}?token={order.access_token}")
    client.cookies.clear()
    page = client.get(asked["Location"])
    assert page.status_code == 200
    assert f'name="token" value="{order.access_token}"' in page.text, "its forms work without a cookie too"


def test_page_tells_where_to_transfer_the_money(client: Client, settings: Any) -> None:
    settings.SHOP_BANK_ACCOUNT = ["Loam Ltd", "DE02 1203 0000 0000 2020 51"]
    order = place_order(payment_method="invoice")
    page = client.get(f"{order.get_absolute_url()}?token={order.access_token}", follow=True)
    assert "DE02 1203 0000 0000 2020 51" in page.text


def test_page_shows_history_and_parcel(browser: Client, customer: User) -> None:
    order = order_in("delivered", user=customer)
    text = re.sub(r"\s+", " ", browser.get(order.get_absolute_url()).text)
    for words in ("Order placed", "Order confirmed", "Being packed", "Handed to the carrier", "Delivered"):
        assert words in text
    assert "Cancel this order" not in text


def test_cancel_page(client: Client) -> None:
    order = place_order()
    url, token = f"/orders/{order.public_id}/cancel/", order.access_token
    assert client.get(url).status_code == 405
    assert client.post(url).status_code == 404
    for _ in range(2):
        answer = client.post(url, {"token": token}, follow=True)
        assert "Nothing was charged" in answer.text
    order.refresh_from_db()
    assert order.status == "cancelled"


def test_cancel_page_of_a_parcel_that_left(browser: Client, customer: User) -> None:
    order = order_in("shipped", user=customer)
    answer = browser.post(f"/orders/{order.public_id}/cancel/", follow=True)
    assert "a parcel has left" in answer.text


@pytest.mark.parametrize("page", ["0", "-1", "abc", "²", "99999999999999999999", ""])
def test_list_page_takes_any_number(browser: Client, order: Order, page: str) -> None:
    answer = browser.get(f"/account/orders/?page={page}")
    assert answer.status_code == 200 and order.number in answer.text
