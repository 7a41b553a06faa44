"""POST /api/orders: works, whose cart, at what price, what is refused."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory, UserFactory
from cart.models import CartSnapshot
from catalog.models import Variant
from inventory import operations as inventory
from inventory.models import StockItem
from orders.models import Order
from payments import operations as payments
from payments.models import Payment
from payments.providers.stripe import client as stripe_client
from payments.tests.sandbox import Sandbox
from pricing.models import TaxRate
from shipping.models import ShippingMethod
from shop import outbox
from shop.models import IdempotencyKey, OutboxEvent

from .clients import ADDRESS, fill_cart, order_body
from .factories import make_cart, make_variant, reprice

pytestmark = pytest.mark.usefixtures("sound")
DAY = r"\d{4}-\d\d-\d\d"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"


def matches(pattern: Any, value: Any) -> bool:
    """A pattern is a compiled expression for text, and otherwise the value itself, of the same type."""
    if isinstance(pattern, re.Pattern):
        return isinstance(value, str) and bool(pattern.fullmatch(value))
    if isinstance(pattern, dict):
        return list(pattern) == list(value) and all(matches(pattern[name], value[name]) for name in pattern)
    if isinstance(pattern, list):
        return len(pattern) == len(value) and all(map(matches, pattern, value))
    return type(pattern) is type(value) and bool(pattern == value)


def public_id(prefix: str) -> re.Pattern[str]:
    return re.compile(rf"{prefix}_\w{{22}}")


def session_of(order: Order) -> stripe.checkout.Session:
    return stripe_client().v1.checkout.sessions.retrieve(order.payments.get().external_id or "")


# --- It works


@pytest.mark.parametrize("is_guest", [True, False])
def test_golden_answer(is_guest: bool, transactional_db: None) -> None:
    user = UserFactory.create()
    client = ApiClient() if is_guest else ApiClient.of(user)
    variant = make_variant(sku="MUG-1", options={"color": "Teal"})
    cart_id = fill_cart(client, variant)
    body = order_body(cart_id) if is_guest else order_body(email=None)
    answer = client.post("/orders", body | {"shippingAddress": ADDRESS | {"line2": "Hinterhaus", "phone": "+49 30 1"}})

    assert answer.status_code == 201, answer.content
    address = {
        "fullName": "Ada Byron", "line1": "Lindenallee 7", "line2": "Hinterhaus", "city": "Berlin", "region": "",
        "postalCode": "10115", "country": "DE", "phone": "+49 30 1",
    }  # fmt: skip
    expected = {
        "success": True,
        "data": {
            "orderId": public_id("order"),
            "number": re.compile("[0-9A-Z]{4}-[0-9A-Z]{4}"),
            "userId": None if is_guest else user.public_id,
            "status": "confirmed",
            "paymentStatus": "pending",
            "fulfillmentStatus": "unfulfilled",
            "items": [
                {
                    "itemId": public_id("item"),
                    "productId": public_id("prod"),
                    "variantId": public_id("var"),
                    "sku": "MUG-1",
                    "name": f"{variant.product.name}, Teal",
                    "price": 24.0,
                    "quantity": 2,
                    "cancelledQuantity": 0,
                    "subtotal": 48.0,
                }
            ],
            "subtotal": 48.0,
            "discountTotal": 0.0,
            "discounts": [],
            "shippingTotal": 4.9,
            "taxTotal": 8.44,
            "total": 52.9,
            "totalMinor": 5290,
            "currency": "EUR",
            "shippingAddress": address,
            "billingAddress": address,
            "paymentMethod": "cod",
            "shippingMethod": "standard",
            "estimatedDelivery": {"first": re.compile(DAY), "last": re.compile(DAY)},
            "pickupAddress": "",
            "trackingNumber": "",
            "shipments": [],
            "createdAt": re.compile(TIME),
            "updatedAt": re.compile(TIME),
            "payment": {"provider": "cod", "status": "pending", "redirectUrl": None, "clientSecret": None},
            "orderToken": re.compile(r"[\w-]{43}") if is_guest else None,
        },
    }
    assert matches(expected, answer.json()), answer.json()
    order = Order.objects.get()
    assert order.email == ("ada@example.com" if is_guest else user.email)
    assert order.user == (None if is_guest else user)
    if is_guest:
        token = answer.json()["data"]["orderToken"]
        assert ApiClient(token).get(f"/orders/{order.public_id}").status_code == 200


def test_a_session_of_pages_may_order_too(transactional_db: None) -> None:
    browser, variant = Client(), make_variant()
    browser.post("/cart/items/", {"sku": variant.sku, "quantity": 1})
    answer = browser.post("/api/orders", order_body(), content_type="application/json")
    assert answer.status_code == 201
    again = browser.post("/api/orders", order_body(), content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (409, "cart_empty")


@pytest.mark.parametrize("includes_tax", [True, False])
def test_shown_is_charged_is_what_the_provider_asks_for(sandbox: Sandbox, settings: Any, includes_tax: bool) -> None:
    settings.SHOP_PRICES_INCLUDE_TAX = includes_tax
    client = ApiClient()
    cart_id = fill_cart(client, make_variant(price_minor=333), make_variant(price_minor=1999), quantity=3)
    goods = 3 * 333 + 3 * 1999
    freight = ShippingMethod.objects.get().price_for(goods)
    expected = goods + freight if includes_tax else goods + freight + 190 + 1139 + round(freight * 0.19)

    shown = Client()
    session = shown.session
    session["cart"] = cart_id
    session.save()
    page = shown.get("/cart/")
    assert page.context["quote"].total_minor == expected

    answer = client.post(
        "/orders", order_body(cart_id, paymentMethod="stripe", expectedTotal=expected / 100), idempotency_key="one"
    )
    data = answer.json()["data"]
    order = Order.objects.get()
    assert data["totalMinor"] == order.total_minor == session_of(order).amount_total == expected
    payment = order.payments.get()
    assert data["payment"] == {
        "provider": "stripe", "status": "pending", "redirectUrl": payment.redirect_url, "clientSecret": None,
    }  # fmt: skip

    assert sandbox.pay(payment).status_code == 303
    payments.settle(payment, now=timezone.now())
    order.refresh_from_db()
    payment.refresh_from_db()
    assert (order.status, order.payment_status, payment.captured_minor) == ("confirmed", "paid", expected)


def test_invoice_waits_for_staff(transactional_db: None, admin_browser: Client) -> None:
    client = ApiClient()
    data = client.post("/orders", order_body(fill_cart(client), paymentMethod="invoice")).json()["data"]
    order, payment = Order.objects.get(), Payment.objects.get()
    assert (data["status"], data["payment"]["redirectUrl"]) == ("pending", None)
    assert order.payment_due_at and order.payment_due_at - timezone.now() > timedelta(days=6)

    admin_browser.post(
        "/admin/payments/payment/", {"action": "record_money", "_selected_action": str(payment.pk)}, follow=True
    )
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("confirmed", "paid")


def test_nothing_to_pay(transactional_db: None) -> None:
    client = ApiClient()
    cart_id = fill_cart(client, make_variant(price_minor=0))
    ShippingMethod.objects.update(free_from_minor=0)
    data = client.post("/orders", order_body(cart_id, paymentMethod="stripe")).json()["data"]
    assert (data["total"], data["status"], data["paymentStatus"]) == (0.0, "confirmed", "paid")
    assert data["payment"] == {
        "provider": "stripe", "status": "captured", "redirectUrl": None, "clientSecret": None,
    }  # fmt: skip
    assert not Payment.objects.exists()


def test_provider_away_keeps_the_order_and_its_pay_page_begins_again(sandbox: Sandbox, settings: Any) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    client = ApiClient()
    answer = client.post("/orders", order_body(fill_cart(client), paymentMethod="stripe"))
    data = answer.json()["data"]
    assert (answer.status_code, data["status"], data["payment"]["status"]) == (201, "pending", "pending")

    settings.STRIPE_API_BASE = sandbox.url
    address = data["payment"]["redirectUrl"].removeprefix(settings.SHOP_BASE_URL)
    page = Client().get(address, follow=True)
    assert page.status_code == 200 and "not paid yet" in page.text
    form = {"token": data["orderToken"], "payment_method": "stripe"}
    started = Client().post(f"/orders/{data['orderId']}/pay/start/", form)
    assert started.status_code == 303 and started["Location"].startswith(sandbox.url)


def test_paid_order_that_is_cancelled_gets_its_money_back(sandbox: Sandbox) -> None:
    client = ApiClient()
    data = client.post("/orders", order_body(fill_cart(client), paymentMethod="stripe")).json()["data"]
    payment = Payment.objects.get()
    sandbox.pay(payment)
    payments.settle(payment, now=timezone.now())

    guest = ApiClient(data["orderToken"])
    for _ in range(2):
        assert guest.post(f"/orders/{data['orderId']}/cancel").status_code == 200
    for _ in range(2):
        outbox.relay(timezone.now() + timedelta(minutes=5))
    data = guest.get(f"/orders/{data['orderId']}").json()["data"]
    assert (data["status"], data["paymentStatus"]) == ("cancelled", "refunded")
    payment.refresh_from_db()
    assert (payment.refunded_minor, payment.refunds.count()) == (5290, 1)
    assert StockItem.objects.get().reserved == 0


# --- Whose


def test_foreign_user_and_foreign_cart(api: ApiClient, customer: User, customer_api: ApiClient) -> None:
    mine = make_cart(user=customer)
    theirs = make_cart(user=UserFactory.create())
    refused = [
        (customer_api, order_body(userId=theirs.user.public_id)),  # type: ignore[union-attr]
        (api, order_body(userId=customer.public_id)),
        (customer_api, order_body(theirs.public_id)),
        (api, order_body(mine.public_id)),
        (api, order_body("cart_0123456789abcdefghijAB")),
        (api, order_body("1")),
    ]
    for client, body in refused:
        for headers in ({}, {"idempotency_key": "k"}):
            answer = client.post("/orders", body, **headers)
            assert answer.status_code == 404, answer.content
    assert not Order.objects.exists() and not IdempotencyKey.objects.exists()


def test_guest_needs_an_address_for_mail(api: ApiClient) -> None:
    answer = api.post("/orders", order_body(make_cart().public_id, email=None))
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["email"])


def test_nothing_in_the_cart(api: ApiClient, customer_api: ApiClient, customer: User) -> None:
    CartSnapshot.objects.create(user=customer)
    empty = CartSnapshot.objects.create()
    for client, body in [(api, order_body()), (customer_api, order_body()), (api, order_body(empty.public_id))]:
        answer = client.post("/orders", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "cart_empty")


def test_cart_that_was_ordered(transactional_db: None, api: ApiClient) -> None:
    cart_id = fill_cart(api)
    assert api.post("/orders", order_body(cart_id)).status_code == 201
    answer = api.post("/orders", order_body(cart_id))
    assert (answer.status_code, answer.json()["code"]) == (409, "cart_closed")
    assert Order.objects.count() == 1


# --- At what price


def test_price_that_was_not_agreed_to(api: ApiClient) -> None:
    cheap, dear = make_variant(price_minor=1000), make_variant(price_minor=2400)
    cart = make_cart(cheap, dear)
    reprice(dear, 2900)
    answer = api.post("/orders", order_body(cart.public_id, expectedTotal=68.0, paymentMethod="stripe"))
    assert answer.status_code == 409
    body = answer.json()
    assert (body["code"], body["shownTotalMinor"], body["totalMinor"]) == ("price_changed", 6800, 7800)
    assert body["lines"] == [
        {"sku": dear.sku, "name": dear.product.name, "oldPriceMinor": 2400, "priceMinor": 2900}
    ]  # fmt: skip
    cart.refresh_from_db()
    assert cart.state == "open"
    assert not Order.objects.exists() and not OutboxEvent.objects.filter(topic="order.placed").exists()


def test_another_country_is_another_tax(api: ApiClient, settings: Any) -> None:
    settings.SHOP_PRICES_INCLUDE_TAX = False
    cart = make_cart()
    TaxRate.objects.filter(country="FR").update(rate="0.20000")
    german = 4800 + 912 + 490 + 93
    body = order_body(cart.public_id, expectedTotal=german / 100, shippingAddress=ADDRESS | {"country": "FR"})
    answer = api.post("/orders", body)
    assert (answer.status_code, answer.json()["totalMinor"]) == (409, 4800 + 960 + 490 + 98)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"shippingMethod": "teleport"}, "not_deliverable"),
        ({"shippingAddress": ADDRESS | {"country": "NZ", "postalCode": "6011"}}, "not_deliverable"),
        ({"paymentMethod": "stripe"}, "payment_method_not_offered"),
    ],
)
def test_what_this_shop_does_not_do(api: ApiClient, settings: Any, values: dict[str, Any], code: str) -> None:
    ShippingMethod.objects.update(countries=["DE"])
    settings.STRIPE_SECRET_KEY = ""
    answer = api.post("/orders", order_body(make_cart().public_id, **values))
    assert (answer.status_code, answer.json()["code"]) == (409, code)


def test_article_that_was_withdrawn(api: ApiClient) -> None:
    variant = make_variant()
    cart = make_cart(variant)
    Variant.objects.filter(pk=variant.pk).update(is_active=False)
    answer = api.post("/orders", order_body(cart.public_id))
    assert (answer.status_code, answer.json()["code"], answer.json()["skus"]) == (409, "not_sold", [variant.sku])


def test_sold_out_since_the_hold_ran_out(api: ApiClient) -> None:
    variant = make_variant(stock=2)
    late = make_cart(variant, now=timezone.now() - timedelta(minutes=20))
    inventory.release_expired(timezone.now())
    make_cart(variant)
    answer = api.post("/orders", order_body(late.public_id))
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_stock")
    late.refresh_from_db()
    assert late.state == "open"


def test_greatest_price_times_greatest_quantity_is_exact(api: ApiClient, transactional_db: None) -> None:
    cart = make_cart(make_variant(price_minor=10**13 - 1, stock=20), quantity=20)
    answer = api.post("/orders", order_body(cart.public_id))
    assert answer.status_code == 201
    assert answer.json()["data"]["totalMinor"] == Order.objects.get().total_minor == 20 * (10**13 - 1)


# --- What is refused


def bad_bodies() -> list[tuple[str, dict[str, Any], list[str]]]:
    def address(**values: Any) -> dict[str, Any]:
        return {"shippingAddress": {name: value for name, value in (ADDRESS | values).items() if value is not ...}}

    return [
        ("no address", {"shippingAddress": ...}, ["shippingAddress"]),
        ("address as text", {"shippingAddress": "Berlin"}, ["shippingAddress"]),
        ("address as list", {"shippingAddress": [ADDRESS]}, ["shippingAddress"]),
        ("address null", {"shippingAddress": None}, ["shippingAddress"]),
        ("no name", address(fullName=...), ["shippingAddress.fullName"]),
        ("empty name", address(fullName="  "), ["shippingAddress.fullName"]),
        ("number as name", address(fullName=5), ["shippingAddress.fullName"]),
        ("long name", address(fullName="x" * 201), ["shippingAddress.fullName"]),
        ("line break", address(line1="a\r\nBcc: x"), ["shippingAddress.line1"]),
        ("unknown country", address(country="XX"), ["shippingAddress.country"]),
        ("country by name", address(country="Germany"), ["shippingAddress.country"]),
        ("no postal code", address(postalCode=""), ["shippingAddress.postalCode"]),
        ("unknown name in address", address(isAdmin=True), ["shippingAddress.isAdmin"]),
        ("billing of a wrong type", {"billingAddress": 1}, ["billingAddress"]),
        ("no method", {"paymentMethod": ...}, ["paymentMethod"]),
        ("unknown method", {"paymentMethod": "free"}, ["paymentMethod"]),
        ("method null", {"paymentMethod": None}, ["paymentMethod"]),
        ("two recipients", {"email": "a@example.com,b@example.com"}, ["email"]),
        ("no e-mail address", {"email": "ada"}, ["email"]),
        ("e-mail as list", {"email": ["a@example.com"]}, ["email"]),
        ("long e-mail", {"email": "a" * 250 + "@example.com"}, ["email"]),
        ("long phone", {"phone": "1" * 41}, ["phone"]),
        ("negative total", {"expectedTotal": -1}, ["expectedTotal"]),
        ("total as text", {"expectedTotal": "52.90"}, ["expectedTotal"]),
        ("total as truth", {"expectedTotal": True}, ["expectedTotal"]),
        ("third of a cent", {"expectedTotal": 52.901}, ["expectedTotal"]),
        ("huge total", {"expectedTotal": 1e300}, ["expectedTotal"]),
        ("total of the sender", {"total": 1}, ["total"]),
        ("status of the sender", {"status": "confirmed"}, ["status"]),
        ("paid by word", {"paymentStatus": "paid"}, ["paymentStatus"]),
        ("prices of the sender", {"items": [{"sku": "A", "price": 1}]}, ["items"]),
        ("prototype", {"__proto__": {}}, ["__proto__"]),
        ("user as number", {"userId": 1}, ["userId"]),
        ("long cart", {"cartId": "cart_" + "x" * 100}, ["cartId"]),
        ("cart as list", {"cartId": ["a"]}, ["cartId"]),
        ("method of delivery as null", {"shippingMethod": None}, ["shippingMethod"]),
    ]


@pytest.mark.django_db
def test_bad_input() -> None:
    """One test for all: the throttle is per address, and each case stands by its name."""
    api, cart = ApiClient(), make_cart()
    for number, (name, values, fields) in enumerate(bad_bodies()):
        body = {key: value for key, value in (order_body(cart.public_id) | values).items() if value is not ...}
        for headers in ({}, {"idempotency_key": f"k{number}"}):
            answer = api.post("/orders", body, **headers)
            assert answer.status_code == 400, (name, answer.content)
            assert list(answer.json()["fields"]) == fields, name
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("{", 400),
        ("null", 400),
        ("[]", 400),
        ('"text"', 400),
        ("{} {}", 400),
        ('{"email": "\\u0000"}', 400),
        ('{"email": "\\ud800"}', 400),
        ('{"expectedTotal": NaN}', 400),
        ('{"expectedTotal": 1e400}', 400),
        ('{"paymentMethod": "cod", "paymentMethod": "stripe"}', 400),
        (b"\xff\xfe", 400),
        ("[" * 5000, 400),
    ],
)
def test_not_json(api: ApiClient, db: None, body: Any, status: int) -> None:
    answer = api.post("/orders", body)
    assert answer.status_code == status
    assert answer.json()["success"] is False


def test_other_content_types(api: ApiClient, db: None) -> None:
    assert api.post("/orders", "a=1", content_type="application/x-www-form-urlencoded").status_code == 415


def test_cross_site_post_of_a_session(browser: Client, customer: User) -> None:
    make_cart(user=customer)
    answer = browser.post(
        "/api/orders", order_body(), content_type="application/json", headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403
    assert not Order.objects.exists()


def test_too_many(api: ApiClient, db: None) -> None:
    answers = [api.post("/orders", order_body()) for _ in range(25)]
    assert answers[-1].status_code == 429
    assert int(answers[-1]["Retry-After"]) > 0


# --- Once


@pytest.mark.parametrize("is_guest", [True, False])
def test_same_key_same_answer(transactional_db: None, is_guest: bool) -> None:
    client = ApiClient() if is_guest else ApiClient.of(UserFactory.create())
    cart_id = fill_cart(client)
    body = order_body(cart_id if is_guest else None)
    first, second = (client.post("/orders", body, idempotency_key="wish") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second["Idempotent-Replayed"] == "true"
    assert (Order.objects.count(), Payment.objects.count()) == (1, 1)

    other = client.post("/orders", body | {"phone": "1"}, idempotency_key="wish")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_key_under_way_and_key_whose_process_died(transactional_db: None) -> None:
    client = ApiClient.of(UserFactory.create())
    fill_cart(client)
    first = client.post("/orders", order_body(), idempotency_key="wish")
    claims = IdempotencyKey.objects
    claims.update(status=None, body=None, lease_until=timezone.now() + timedelta(seconds=30))
    waiting = client.post("/orders", order_body(), idempotency_key="wish")
    assert (waiting.status_code, waiting.json()["code"]) == (409, "in_flight")
    assert waiting["Retry-After"]

    claims.update(lease_until=timezone.now() - timedelta(seconds=1))
    taken_over = client.post("/orders", order_body(), idempotency_key="wish")
    assert taken_over.status_code == 201
    assert taken_over.json()["data"]["orderId"] == first.json()["data"]["orderId"]
    assert (Order.objects.count(), Payment.objects.count()) == (1, 1)


def test_refused_attempt_can_be_made_good_with_the_same_key(transactional_db: None) -> None:
    client = ApiClient()
    cart_id = fill_cart(client)
    Variant.objects.update(price_minor=2500)
    body = order_body(cart_id, expectedTotal=52.9)
    assert client.post("/orders", body, idempotency_key="wish").status_code == 409
    Variant.objects.update(price_minor=2400)
    assert client.post("/orders", body, idempotency_key="wish").status_code == 201


@pytest.mark.parametrize("keys", ["same", "different", "none"])
def test_twenty_posts_of_one_cart_are_one_order(transactional_db: None, keys: str) -> None:
    client = ApiClient()
    body = order_body(fill_cart(client))

    def post(number: int) -> int:
        headers = {"none": {}, "same": {"idempotency_key": "k"}, "different": {"idempotency_key": str(number)}}[keys]
        try:
            status: int = client.post("/orders", body, **headers).status_code
            return status
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(20)))
    assert set(answers) <= {201, 409}
    assert answers.count(201) >= 1 if keys == "same" else answers.count(201) == 1
    assert (Order.objects.count(), Payment.objects.count()) == (1, 1)
    assert StockItem.objects.get().reserved == 2


def test_twenty_cancels_release_once(transactional_db: None) -> None:
    client = ApiClient()
    data = client.post("/orders", order_body(fill_cart(client))).json()["data"]

    def cancel(_: int) -> int:
        try:
            status: int = ApiClient(data["orderToken"]).post(f"/orders/{data['orderId']}/cancel").status_code
            return status
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(cancel, range(20))) == {200}
    assert StockItem.objects.get().reserved == 0
    assert Order.objects.get().events.filter(type="cancelled").count() == 1
    assert OutboxEvent.objects.filter(topic="order.cancelled").count() == 1


def test_staff_do_not_order_for_others(customer: User) -> None:
    make_cart(user=customer)
    staff = ApiClient.of(StaffFactory.create(is_superuser=True))
    assert staff.post("/orders", order_body(userId=customer.public_id)).status_code == 404


def test_cart_of_an_order_can_not_be_edited(transactional_db: None, api: ApiClient) -> None:
    variant = make_variant()
    cart_id = fill_cart(api, variant)
    assert api.post("/orders", order_body(cart_id)).status_code == 201
    answer = api.post(f"/cart/{cart_id}/items", {"sku": variant.sku, "quantity": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "cart_closed")
    assert api.post(f"/cart/{cart_id}/clear").status_code == 409
    assert StockItem.objects.get().reserved == 2


def test_one_address_can_not_promise_itself_the_whole_shop(
    transactional_db: None, api: ApiClient, settings: Any
) -> None:
    """Where carts hold nothing, the orders are counted instead."""
    settings.SHOP_HOLD_STOCK_AT = "checkout"
    variant = make_variant(stock=10_000)
    answers = []
    for _ in range(17):
        cart = make_cart(variant, quantity=20)
        answers.append(api.post("/orders", order_body(cart.public_id)).status_code)
    assert answers[0] == 201 and answers[-1] == 429
