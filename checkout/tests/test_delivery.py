"""What a delivery costs and when it arrives: told in the bag, at checkout and by the API, kept by the order."""

from datetime import date, time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import AddressFactory
from cart.tests.factories import cart_of
from catalog.models import Variant
from orders import operations as orders
from orders.models import Order
from shipping.models import Rate, ShippingMethod, Zone

from .factories import make_cart, make_variant, place_order
from .test_pages import CONTACT, add

COUNTER = "Am Speicher 3, Bremen\nMonday to Friday 10 to 18"


@pytest.fixture
def zones(db: None) -> None:
    """Germany but its island, by weight, express and pick-up; France at one price; Norway not yet."""
    ShippingMethod.objects.all().delete()
    germany = Zone.objects.create(name="Germany", countries=["DE"], excluded_postal_codes=["27498"])
    france = Zone.objects.create(name="France", countries=["FR"])
    parcel = ShippingMethod.objects.create(
        code="parcel", name="Parcel", zone=germany, price_minor=490, basis="weight", max_weight_grams=20_000,
        tracking_url="https://carrier.example/{number}",
    )  # fmt: skip
    Rate.objects.create(method=parcel, from_value=2000, price_minor=690)
    ShippingMethod.objects.create(
        code="express", name="Express", zone=germany, price_minor=1290, min_days=1, max_days=1, cut_off=time(12)
    )
    ShippingMethod.objects.create(
        code="counter", name="Pick-up", zone=germany, kind="pickup", pickup_address=COUNTER, price_minor=0, min_days=0,
        max_days=0,
    )  # fmt: skip
    ShippingMethod.objects.create(code="france", name="To France", zone=france, price_minor=990)


@pytest.fixture
def mug(zones: None) -> Variant:
    return make_variant(sku="MUG", weight_grams=500)


def options_of(api: ApiClient, **query: Any) -> Any:
    answer = api.get("/shipping/options?" + "&".join(f"{name}={value}" for name, value in query.items()))
    return answer.status_code, answer.json()


def named(found: tuple[int, Any]) -> list[tuple[str, int]]:
    status, body = found
    assert status == 200, body
    return [(option["code"], option["priceMinor"]) for option in body["data"]]


# --- The API


def test_options_of_an_article(api: ApiClient, mug: Variant) -> None:
    assert named(options_of(api, sku="MUG", country="DE", postalCode="28195")) == [
        ("parcel", 490), ("express", 1290), ("counter", 0),
    ]  # fmt: skip
    assert named(options_of(api, sku="MUG", quantity=4)) == [("parcel", 690), ("express", 1290), ("counter", 0)]
    assert named(options_of(api, sku="MUG", quantity=41)) == [("express", 1290), ("counter", 0)]
    assert named(options_of(api, sku="MUG", country="fr")) == [("france", 990)]


def test_one_option_in_full(api: ApiClient, mug: Variant) -> None:
    parcel, express, counter = options_of(api, sku="MUG")[1]["data"]
    assert set(parcel) == {
        "code", "name", "kind", "price", "priceMinor", "currency", "freeFrom", "estimatedDelivery", "orderBy",
        "pickupAddress",
    }  # fmt: skip
    assert (parcel["price"], parcel["currency"], parcel["kind"], parcel["orderBy"]) == (4.9, "EUR", "delivery", None)
    today = timezone.localdate()
    assert today < date.fromisoformat(parcel["estimatedDelivery"]["first"])
    assert parcel["estimatedDelivery"]["first"] <= parcel["estimatedDelivery"]["last"]
    assert express["orderBy"].endswith("Z")
    assert (counter["kind"], counter["pickupAddress"]) == ("pickup", COUNTER)


def test_options_of_the_callers_cart_and_of_one_named_by_its_secret(
    api: ApiClient, customer: User, customer_api: ApiClient, mug: Variant
) -> None:
    guests = make_cart(mug, quantity=5)
    cart_of(customer, MUG=1)
    assert named(options_of(customer_api))[0] == ("parcel", 490)
    assert named(options_of(api, cartId=guests.public_id))[0] == ("parcel", 690)
    status, body = options_of(api)
    assert (status, body["code"]) == (409, "cart_empty")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"sku": "MUG", "country": "NO"}, 409, "not_deliverable"),
        ({"sku": "MUG", "postalCode": "27498"}, 409, "not_deliverable"),
        ({"sku": "NONE"}, 404, "article_not_found"),
        ({"cartId": "cart_0000000000000000000000"}, 404, "cart_not_found"),
        ({"sku": "MUG", "country": "XX"}, 400, "invalid_input"),
        ({"sku": "MUG", "country": "Germany"}, 400, "invalid_input"),
        ({"sku": "MUG", "quantity": "0"}, 400, "invalid_input"),
        ({"sku": "MUG", "quantity": "many"}, 400, "invalid_input"),
        ({"sku": "MUG", "quantity": "9" * 500}, 400, "invalid_input"),
        ({"sku": "MUG", "postalCode": "x" * 21}, 400, "invalid_input"),
    ],
)
def test_refusals(api: ApiClient, mug: Variant, query: dict[str, str], status: int, code: str) -> None:
    found, body = options_of(api, **query)
    assert (found, body["code"]) == (status, code)


def test_anothers_cart_is_as_missing(api: ApiClient, customer: User, mug: Variant) -> None:
    theirs = cart_of(customer, MUG=1)
    status, body = options_of(api, cartId=theirs.public_id)
    assert (status, body["code"]) == (404, "cart_not_found")


# --- The bag


def test_the_bag_prices_the_delivery_to_where_it_is_told(client: Client, mug: Variant) -> None:
    add(client, mug)
    page = client.get("/cart/")
    assert (page.context["quote"].shipping_minor, page.context["destination"].country) == (490, "DE")
    assert "Parcel to Germany" in page.text and "Arrives" in page.text
    assert [code for code, _ in page.context["destination_form"].fields["country"].choices] == ["FR", "DE"]

    assert client.post("/cart/destination/", {"country": "FR", "postal_code": "75001"})["Location"] == "/cart/"
    page = client.get("/cart/")
    assert page.context["quote"].shipping_minor == 990
    assert "To France to France, 75001" in page.text

    client.post("/cart/destination/", {"country": "DE", "postal_code": "27498"})
    page = client.get("/cart/")
    assert "We can't deliver this to Germany, 27498" in page.text and "Not there" in page.text


@pytest.mark.parametrize("values", [{}, {"country": "NO"}, {"country": "DE", "postal_code": "x" * 21}])
def test_a_place_that_can_not_be_changes_nothing(client: Client, mug: Variant, values: dict[str, str]) -> None:
    add(client, mug)
    page = client.post("/cart/destination/", values, follow=True)
    assert "Choose a country that we deliver to" in page.text
    assert page.context["destination"].country == "DE"


# --- Checkout


def test_a_country_that_is_not_served_is_named(client: Client, mug: Variant) -> None:
    add(client, mug)
    page = client.post("/checkout/contact/", CONTACT | {"country": "NO", "postal_code": "0150"})
    assert page.context["form"].errors["country"] == ["We don't deliver to Norway yet."]
    assert [code for code, _ in page.context["form"].fields["country"].choices] == ["FR", "DE"]


def test_a_saved_address_there_says_so_at_once(browser: Client, customer: User, mug: Variant) -> None:
    AddressFactory.create(user=customer, country="NO", postal_code="0150")
    add(browser, mug)
    assert "We don&#x27;t deliver to Norway yet." in browser.get("/checkout/contact/").text


def test_an_island_is_refused_at_its_postal_code(client: Client, mug: Variant) -> None:
    add(client, mug)
    page = client.post("/checkout/contact/", CONTACT | {"postal_code": "27498"})
    assert page.context["form"].errors["postal_code"] == ["We don't deliver to this postal code yet."]


def test_what_is_too_heavy_for_every_way_is_told_as_such(client: Client, mug: Variant) -> None:
    ShippingMethod.objects.exclude(code="parcel").delete()
    add(client, make_variant(sku="ANVIL", weight_grams=25_000), quantity=1)
    client.post("/checkout/contact/", CONTACT)
    assert "too heavy" in client.get("/checkout/delivery/").text
    assert client.get("/checkout/review/")["Location"] == "/checkout/delivery/"


def test_the_steps_show_days_and_the_place_to_collect(client: Client, mug: Variant) -> None:
    add(client, mug)
    client.post("/checkout/contact/", CONTACT)
    page = client.get("/checkout/delivery/")
    assert [option.code for option, _ in page.context["options"]] == ["parcel", "express", "counter"]
    assert "Ready on" in page.text and "Am Speicher 3" in page.text
    client.post("/checkout/delivery/", {"shipping_method": "counter"})
    page = client.get("/checkout/review/")
    assert "Am Speicher 3" in page.text and page.context["quote"].shipping_minor == 0


def test_the_order_keeps_what_was_promised(mug: Variant) -> None:
    order = place_order(mug, shipping_method="parcel")
    assert order.delivery_first and order.delivery_last
    assert timezone.localdate() < order.delivery_first <= order.delivery_last
    assert (order.shipping_minor, order.pickup_address) == (490, "")
    ShippingMethod.objects.update(max_days=30)
    kept = Order.objects.get()
    assert (kept.delivery_first, kept.delivery_last) == (order.delivery_first, order.delivery_last)


def test_the_page_of_an_order_tells_the_days_and_the_place(client: Client, mug: Variant) -> None:
    for method, text in (("parcel", "Arrives"), ("counter", "Am Speicher 3")):
        order = place_order(mug, shipping_method=method)
        page = client.get(f"{order.get_absolute_url()}?token={order.access_token}", follow=True)
        assert text in page.text


def test_the_cheapest_delivery_is_the_default_and_never_a_pick_up(mug: Variant) -> None:
    assert place_order(mug).shipping_method == "parcel"


@pytest.mark.parametrize("values", [{"country": "NO", "postal_code": "0150"}, {"postal_code": "27498"}])
def test_an_order_to_where_nothing_goes_is_refused(api: ApiClient, mug: Variant, values: dict[str, str]) -> None:
    body = {
        "cartId": make_cart(mug).public_id, "email": "ada@example.com", "paymentMethod": "cod",
        "shippingAddress": {"fullName": "Ada Byron", "line1": "Lindenallee 7", "city": "Berlin", "country": "DE",
                            "postalCode": "10115"} | {
            {"postal_code": "postalCode"}.get(name, name): value for name, value in values.items()
        },
    }  # fmt: skip
    answer = api.post("/orders", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_deliverable")
    assert not Order.objects.exists()


def test_a_parcel_is_followed_where_its_carrier_says(client: Client, mug: Variant) -> None:
    now = timezone.now()
    order = orders.confirm(place_order(mug), actor="test", now=now)
    order = orders.ship(order, tracking_number="JD 01/46", carrier="DHL", actor="test", now=now)
    parcel = order.shipments.get()
    assert parcel.tracking_url == "https://carrier.example/JD%2001%2F46"
    page = client.get(f"{order.get_absolute_url()}?token={order.access_token}", follow=True)
    assert 'href="https://carrier.example/JD%2001%2F46"' in page.text
    orders.correct_tracking(parcel, tracking_number="JD2", carrier="DHL", actor="test", now=now)
    parcel.refresh_from_db()
    assert parcel.tracking_url == "https://carrier.example/JD2"


def test_the_product_page_tells_day_price_and_cut_off(client: Client, mug: Variant) -> None:
    ShippingMethod.objects.exclude(code="express").delete()
    in_two_hours = (timezone.localtime() + timedelta(hours=2)).time()
    ShippingMethod.objects.update(cut_off=in_two_hours, leaves_on=[*range(7)])
    page = client.get(mug.product.get_absolute_url())
    delivery = page.context["delivery"]
    assert (delivery.name, delivery.price_minor) == ("Express", 1290)
    assert delivery.time_left in {"1 h 59 min", "2 h"}
    assert f"Order within {delivery.time_left}" in page.text
