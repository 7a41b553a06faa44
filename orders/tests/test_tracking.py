"""Number and e-mail address tell where an order is, and nothing else."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.tests.clients import ApiClient
from checkout.tests.factories import order_in, place_order
from orders import operations, queries
from orders.models import Order
from shop.rate_limits import LIMITS

pytestmark = pytest.mark.django_db
EMAIL = "ada@example.com"


def track(client: Client, number: str, email: str = EMAIL) -> Any:
    return client.post("/track/", {"number": number, "email": email})


def shipped(**values: Any) -> Order:
    order = order_in("processing", **values)
    return operations.ship(order, tracking_number="JD014600", carrier="DHL", actor="test", now=timezone.now())


def test_a_right_pair_shows_the_way_and_the_parcel(client: Client) -> None:
    order = shipped()
    page = track(client, order.number)
    assert page.status_code == 200 and "no-store" in page["Cache-Control"]
    for words in (order.number, "Handed to the carrier", "JD014600", "DHL", "On its way"):
        assert words in page.text


def test_it_shows_no_address_no_article_no_money_and_opens_nothing(client: Client) -> None:
    order = shipped()
    page = track(client, order.number)
    line = order.lines.get()
    for secret in ("Ada Byron", "Lindenallee", EMAIL, line.name, line.sku, "52.90", order.access_token):
        assert secret not in page.text
    assert client.get(order.get_absolute_url()).status_code == 404
    assert client.post(f"/orders/{order.public_id}/cancel/").status_code == 404


@pytest.mark.parametrize("write", [str, str.lower, lambda number: f" #{number.replace('-', ' ')} "])
def test_the_number_is_read_as_people_write_it(client: Client, write: Any) -> None:
    order = place_order()
    assert order.number in track(client, write(order.number), " ADA@example.com").text


def test_lookalikes() -> None:
    assert queries.tidy_number("o1l7-qi90") == "0117-Q190"


def test_wrong_pairs_are_one_answer(client: Client, api: ApiClient, django_assert_num_queries: Any) -> None:
    order = place_order()
    pairs = [(order.number, "eve@example.com"), ("0000-0000", EMAIL), ("0000-0000", "eve@example.com")]
    pages = []
    for number, email in pairs:
        with django_assert_num_queries(2):  # one for the order, one for the menu
            page = track(client, number, email)
        pages.append(page.text.replace(number, "").replace(email, ""))
    assert len(set(pages)) == 1 and "We found no order" in pages[0]
    bodies = []
    for number, email in pairs:
        answer = api.post("/orders/track", {"number": number, "email": email})
        assert answer.status_code == 404
        bodies.append({name: value for name, value in answer.json().items() if name != "requestId"})
    assert bodies[0] == bodies[1] == bodies[2]


def test_the_json_twin(api: ApiClient) -> None:
    order = shipped()
    data = api.post("/orders/track", {"number": order.number, "email": EMAIL}).json()["data"]
    assert data.keys() == {"number", "status", "placedAt", "timeline", "shipments"}
    assert (data["number"], data["status"]) == (order.number, "shipped")
    assert [entry["event"] for entry in data["timeline"]] == ["placed", "confirmed", "processing", "shipped"]
    assert (data["shipments"][0]["carrier"], data["shipments"][0]["trackingNumber"]) == ("DHL", "JD014600")


def test_numbers_cant_be_gone_through(client: Client, api: ApiClient) -> None:
    """The page and the API count together."""
    order = place_order()
    burst = LIMITS["track"].burst
    for n in range(burst):
        track(client, f"0000-{n:04}")
    assert track(client, order.number).status_code == 429
    answer = api.post("/orders/track", {"number": order.number, "email": EMAIL})
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0


def test_many_addresses_cant_guess_the_email_of_a_number(api: ApiClient, settings: Any) -> None:
    settings.SHOP_TRUSTED_PROXIES = 1
    order = place_order()
    answers = [
        Client().post("/track/", {"number": order.number, "email": f"{n}@x.de"}, HTTP_X_FORWARDED_FOR=f"192.0.2.{n}")
        for n in range(LIMITS["track"].burst + 1)
    ]
    assert [answer.status_code for answer in answers] == [200] * LIMITS["track"].burst + [429]


@pytest.mark.parametrize(
    ("status", "codes", "current"),
    [
        ("pending", "placed paid packed shipped delivered", "placed"),
        ("confirmed", "placed paid packed shipped delivered", "paid"),
        ("processing", "placed paid packed shipped delivered", "packed"),
        ("delivered", "placed paid packed shipped delivered", "delivered"),
        ("cancelled", "placed paid cancelled", "cancelled"),
    ],
)
def test_steps_of_an_order_paid_in_advance(status: str, codes: str, current: str) -> None:
    order, now = place_order(payment_method="invoice"), timezone.now()
    if status != "pending":
        order = operations.mark_paid(order, payment_reference="test", now=now)
    for step in {"processing": ["processing"], "delivered": ["shipped", "delivered"]}.get(status, []):
        operations.set_status(order, step, actor="test", now=now)
    if status == "cancelled":
        operations.cancel_order(order, actor="test", reason="test", now=now)
    steps = queries.progress(Order.objects.with_details().get(pk=order.pk))
    assert [step.code for step in steps] == codes.split()
    assert [step.code for step in steps if step.is_current] == [current]
    assert [step.is_done for step in steps] == [step.code in codes.split(current)[0] + current for step in steps]
    if status == "delivered":
        assert steps[2].at is None, "it was never said to be packed"


def test_cash_on_delivery_is_confirmed_where_others_are_paid(customer: User) -> None:
    order = order_in("confirmed", user=customer)
    steps = queries.progress(Order.objects.with_details().get(pk=order.pk))
    assert [step.code for step in steps][:2] == ["placed", "confirmed"]
    assert steps[1].is_current
