"""Codes in the cart, as page and as JSON: kept, told of, taken out, not guessed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisAway

from accounts.models import User
from accounts.tests.clients import ApiClient
from cart import operations
from cart.errors import TooManyCoupons
from cart.models import CartSnapshot
from catalog.models import Variant
from pricing.models import Coupon
from pricing.tests.factories import FREE_DELIVERY, coupon, stored_promotion
from shop import rate_limits
from shop.rate_limits import LIMITS, Limit

from .factories import cart_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound", "mug")]


def codes(cart: CartSnapshot) -> list[str]:
    cart.refresh_from_db()
    return cart.coupon_codes


# --- JSON


def test_a_code_is_kept_and_told_of(customer: User, customer_api: ApiClient) -> None:
    coupon("Welcome-10", of=stored_promotion(name="To start with", needs_coupon=True))
    cart = cart_of(customer, MUG=2)
    answer = customer_api.post("/cart/me/coupon", {"code": " welcome10 "})
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert data["couponCodes"] == ["Welcome-10"]
    assert data["discounts"] == [
        {"name": "To start with", "code": "Welcome-10", "phase": "order", "amount": 4.8, "amountMinor": 480}
    ]
    assert (data["total"], data["discountTotal"], data["rejectedCoupons"]) == (43.2, 4.8, [])
    version = data["version"]
    assert customer_api.post("/cart/me/coupon", {"code": "WELCOME10"}).json()["data"]["version"] == version
    assert customer_api.get("/cart/me").json()["data"] == data
    assert codes(cart) == ["Welcome-10"]


def test_what_runs_by_itself_is_told_of_too(customer: User, customer_api: ApiClient) -> None:
    stored_promotion(name="Ten off")
    stored_promotion(name="Free delivery", **FREE_DELIVERY)
    stored_promotion(name="Not for this", min_quantity=99)
    cart_of(customer, MUG=1)
    data = customer_api.get("/cart/me").json()["data"]
    assert [(each["name"], each["code"], each["amountMinor"]) for each in data["discounts"]] == [
        ("Ten off", None, 240),
        ("Free delivery", None, 0),
    ]
    assert (data["total"], data["rejectedCoupons"]) == (21.6, [])


def test_a_code_that_takes_nothing_off_says_why(customer: User, customer_api: ApiClient) -> None:
    later = stored_promotion(needs_coupon=True, starts_at=datetime(2036, 11, 30, 23, tzinfo=UTC))
    coupon("LATER", of=later)
    cart_of(customer, MUG=2)
    data = customer_api.post("/cart/me/coupon", {"code": "LATER"}).json()["data"]
    assert data["rejectedCoupons"] == [
        {"code": "LATER", "reason": "not_started", "message": "LATER starts on 1 December 2036."}
    ]
    assert (data["couponCodes"], data["discounts"], data["total"]) == (["LATER"], [], 48.0)


def test_a_code_that_is_gone_stays_to_be_taken_out(customer: User, customer_api: ApiClient) -> None:
    made = coupon("GONE")
    cart = cart_of(customer, MUG=1)
    customer_api.post("/cart/me/coupon", {"code": "GONE"})
    Coupon.objects.filter(pk=made.pk).delete()
    data = customer_api.get("/cart/me").json()["data"]
    assert [each["reason"] for each in data["rejectedCoupons"]] == ["coupon_invalid"]
    assert customer_api.delete("/cart/me/coupon?code=gone").json()["data"]["couponCodes"] == []
    assert codes(cart) == []


def test_taking_out_one_code_or_all(customer: User, customer_api: ApiClient) -> None:
    cart = cart_of(customer, MUG=1)
    for code in ("ONE", "TWO", "THREE"):
        coupon(code)
        assert customer_api.post("/cart/me/coupon", {"code": code}).status_code == 200
    assert customer_api.delete("/cart/me/coupon?code=t-w-o").json()["data"]["couponCodes"] == ["ONE", "THREE"]
    assert customer_api.delete("/cart/me/coupon?code=OTHER").json()["data"]["couponCodes"] == ["ONE", "THREE"]
    for _ in range(2):
        assert customer_api.delete("/cart/me/coupon").json()["data"]["couponCodes"] == []
    assert codes(cart) == []


@pytest.mark.parametrize("body", [{}, {"code": ""}, {"code": 1}, {"code": "x" * 65}, {"code": "a\nb"}, {"cod": "X"}])
def test_what_is_no_code_at_all(body: dict[str, Any], customer: User, customer_api: ApiClient) -> None:
    cart_of(customer, MUG=1)
    answer = customer_api.post("/cart/me/coupon", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


def test_an_unknown_code_and_one_switched_off_are_told_alike(customer: User, customer_api: ApiClient) -> None:
    coupon("OFF", is_active=False)
    cart_of(customer, MUG=1)
    answers = [customer_api.post("/cart/me/coupon", {"code": code}) for code in ("OFF", "NEVER")]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "coupon_invalid")] * 2
    assert len({answer.json()["error"] for answer in answers}) == 1


def test_anothers_cart_takes_no_code(customer: User, customer_api: ApiClient, api: ApiClient) -> None:
    coupon("MINE")
    cart = cart_of(customer, MUG=1)
    for name in (customer.public_id, cart.public_id, "cart_0000000000000000000000", "me"):
        assert api.post(f"/cart/{name}/coupon", {"code": "MINE"}).status_code == 404
        assert api.delete(f"/cart/{name}/coupon").status_code == 404
    assert codes(cart) == []


def test_codes_are_not_guessed(customer: User, customer_api: ApiClient) -> None:
    cart_of(customer, MUG=1)
    tries = [customer_api.post("/cart/me/coupon", {"code": f"GUESS{number}"}) for number in range(12)]
    assert [answer.status_code for answer in tries] == [409] * 10 + [429] * 2
    assert "Retry-After" in tries[-1]


def test_without_redis_no_code_is_tried(
    customer: User, customer_api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    coupon("OPEN")
    cart_of(customer, MUG=1)

    def away() -> Any:
        raise RedisAway

    monkeypatch.setattr(rate_limits, "client", away)
    assert customer_api.post("/cart/me/coupon", {"code": "OPEN"}).status_code == 503


# --- Operations


def test_at_most_five() -> None:
    cart = cart_of(MUG=1)
    for number in range(6):
        coupon(f"CODE{number}")
    for number in range(5):
        cart = operations.add_coupon(cart, f"CODE{number}", now=timezone.now())
    with pytest.raises(TooManyCoupons):
        operations.add_coupon(cart, "CODE5", now=timezone.now())
    assert len(codes(cart)) == 5


def test_signing_in_brings_the_guests_codes(customer: User) -> None:
    for code in ("OWN", "GUEST"):
        coupon(code)
    own, guest = cart_of(customer, MUG=1), cart_of(MUG=1)
    operations.add_coupon(own, "OWN", now=timezone.now())
    for code in ("GUEST", "OWN"):
        operations.add_coupon(guest, code, now=timezone.now())
    assert codes(operations.merge(guest, customer, now=timezone.now())) == ["OWN", "GUEST"]


# --- Page


@pytest.fixture
def guest(transactional_db: None, mug: Variant, client: Client) -> Client:
    client.post("/cart/items/", {"sku": mug.sku, "quantity": 2})
    return client


def test_a_shopper_enters_and_takes_out_a_code(guest: Client) -> None:
    coupon("WELCOME10", of=stored_promotion(name="To start with", needs_coupon=True))
    assert "Add a discount code" in guest.get("/cart/").content.decode()
    assert guest.post("/cart/coupon/", {"code": "welcome10"}, follow=True).redirect_chain == [("/cart/", 302)]
    page = guest.get("/cart/")
    text = page.content.decode()
    assert (page.context["quote"].total_minor, page.context["quote"].discount_minor) == (4810, 480)
    assert "To start with" in text and "−€4.80" in text and "€48.10" in text
    page = guest.post("/cart/coupon/remove/", {"code": "WELCOME10"}, follow=True)
    assert page.context["quote"].discount_minor == 0
    assert CartSnapshot.objects.get().coupon_codes == []


def test_free_delivery_stands_beside_the_delivery(guest: Client) -> None:
    coupon("FREESHIP", of=stored_promotion(name="Delivery on us", needs_coupon=True, **FREE_DELIVERY))
    page = guest.post("/cart/coupon/", {"code": "FREESHIP"}, follow=True)
    text, quote = page.content.decode(), page.context["quote"]
    assert (quote.full_shipping_minor, quote.shipping_minor, quote.total_minor) == (490, 0, 4800)
    assert "Delivery on us" in text and "−€4.90" in text


def test_the_page_says_why_a_code_takes_nothing_off(guest: Client) -> None:
    coupon("OVER", of=stored_promotion(needs_coupon=True, ends_at=timezone.now() - timedelta(days=1)))
    assert "OVER ended on" in guest.post("/cart/coupon/", {"code": "OVER"}, follow=True).content.decode()
    text = guest.post("/cart/coupon/", {"code": "<b>"}, follow=True).content.decode()
    assert "This code is not valid." in text
    assert "<details open>" in text and 'name="code" value="&lt;b&gt;"' in text
    assert "Enter a code." in guest.post("/cart/coupon/", {"code": " "}, follow=True).content.decode()


def test_tries_are_counted_on_the_page_too(guest: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "coupon", Limit(per_minute=1, burst=1, guards_secrets=True))
    coupon("OPEN")
    guest.post("/cart/coupon/", {"code": "GUESS"})
    page = guest.post("/cart/coupon/", {"code": "OPEN"}, follow=True)
    assert "Too many requests" in page.content.decode()
    assert CartSnapshot.objects.get().coupon_codes == []


def test_it_leads_back_to_pages_of_ours_alone(guest: Client) -> None:
    for target in ("//evil.example", "https://evil.example/", "javascript:alert(1)"):
        for action in ("coupon/", "coupon/remove/"):
            assert guest.post(f"/cart/{action}", {"code": "X", "next": target})["Location"].split("?")[0] == "/cart/"


def test_without_a_cart_there_is_nothing_to_do(client: Client) -> None:
    for action in ("coupon/", "coupon/remove/"):
        assert client.post(f"/cart/{action}", {"code": "X"})["Location"] == "/cart/"
    assert client.get("/cart/coupon/").status_code == 405
