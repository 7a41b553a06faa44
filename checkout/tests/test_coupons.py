"""A code from the cart to the order and back: what it takes off, when it is refused, how often it counts."""

from datetime import timedelta
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.tests.clients import ApiClient
from cart import operations as carts
from cart.models import CartSnapshot
from checkout import operations
from checkout.errors import NotDeliverable
from orders import operations as orders
from orders.models import Order, OrderDiscount
from payments import operations as payments
from pricing.errors import CouponNotApplicable, CouponUsedUp, PriceChanged
from pricing.models import Coupon, PromotionUse
from pricing.tests.factories import FREE_DELIVERY, coupon, stored_promotion
from shipping.models import ShippingMethod
from shop.rate_limits import LIMITS, Limit

from .clients import fill_cart, order_body
from .factories import ADDRESS, make_cart, make_variant, place_order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]


def cart_with(*codes: str, user: User | None = None, quantity: int = 2) -> CartSnapshot:
    cart = make_cart(user=user, quantity=quantity)
    for code in codes:
        cart = carts.add_coupon(cart, code, now=timezone.now())
    return cart


def uses(code: str) -> int:
    return Coupon.objects.get(code=code).used


# --- Orders


def test_an_order_keeps_what_was_taken_off() -> None:
    coupon("WELCOME10")
    coupon("FREESHIP", of=stored_promotion(name="Free delivery", needs_coupon=True, **FREE_DELIVERY))
    order = place_order(cart=cart_with("welcome-10", "freeship"), shown_total_minor=4320)
    assert (order.subtotal_minor, order.discount_minor, order.shipping_minor, order.total_minor) == (4800, 480, 0, 4320)
    assert list(OrderDiscount.objects.values_list("name", "code", "phase", "amount_minor")) == [
        ("WELCOME10", "WELCOME10", "order", 480),
        ("Free delivery", "FREESHIP", "shipping", 490),
    ]
    line = order.lines.get()
    assert (line.discount_minor, line.gross_minor, line.tax_minor) == (480, 4320, 690)
    assert (uses("WELCOME10"), uses("FREESHIP")) == (1, 1)


@pytest.mark.parametrize("end", ["cancel", "unpaid", "staff"])
def test_an_order_that_comes_to_nothing_gives_its_code_back(end: str) -> None:
    coupon("ONCE", usage_limit=1)
    cart, now = cart_with("ONCE"), timezone.now()
    order = place_order(cart=cart, payment_method="invoice", now=now)
    assert uses("ONCE") == 1
    if end == "unpaid":
        assert operations.end_unpaid(now + timedelta(days=60)) == 1
    elif end == "staff":
        orders.set_status(order, "cancelled", actor="user_staff", now=now)
    else:
        orders.cancel_order(order, actor="guest", reason="test", now=now)
    orders.cancel_order(order, actor="guest", reason="again", now=now)
    assert uses("ONCE") == 0
    assert place_order(cart=cart_with("ONCE")).discount_minor == 480


def test_a_cart_that_comes_back_has_its_code() -> None:
    coupon("ONCE", usage_limit=1)
    cart = cart_with("ONCE")
    order = place_order(cart=cart, payment_method="invoice")
    assert operations.end_if_unpaid(order, reason="changed", now=timezone.now())
    cart.refresh_from_db()
    assert cart.coupon_codes == ["ONCE"]
    assert place_order(cart=cart).discount_minor == 480
    assert PromotionUse.objects.filter(state="given_back").count() == 1


def test_the_total_that_was_shown_must_still_hold() -> None:
    made = coupon("WELCOME10")
    cart = cart_with("WELCOME10")
    Coupon.objects.filter(pk=made.pk).update(is_active=False)
    with pytest.raises(PriceChanged) as refused:
        place_order(cart=cart, shown_total_minor=4810)
    assert refused.value.extra["totalMinor"] == 5290
    assert Order.objects.count() == 0
    # Who has seen the new total may order.
    assert place_order(cart=cart, shown_total_minor=5290).discount_minor == 0


def test_nobody_pays_more_than_they_can_have_seen() -> None:
    """Without a total that was agreed to, a code that counts for nothing stops the order."""
    coupon("BIG", of=stored_promotion(name="Big", needs_coupon=True, min_goods_minor=100_00))
    with pytest.raises(CouponNotApplicable) as refused:
        place_order(cart=cart_with("BIG"))
    assert refused.value.extra == {"coupon": "BIG", "reason": "min_goods"}
    assert refused.value.text == "BIG needs goods for €100.00; €52.00 are missing."


def test_used_up_between_the_look_and_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last use goes while our order is priced: the row says so, and nothing of the order stays."""
    made = coupon("LAST", usage_limit=1)
    cart = cart_with("LAST")
    price = operations.cart_queries.quote

    def overtaken(*args: Any, **values: Any) -> Any:
        found = price(*args, **values)
        Coupon.objects.filter(pk=made.pk).update(used=1)
        return found

    monkeypatch.setattr(operations.cart_queries, "quote", overtaken)
    with pytest.raises(CouponUsedUp):
        place_order(cart=cart)
    Coupon.objects.filter(pk=made.pk).update(used=0)
    cart.refresh_from_db()
    assert (Order.objects.count(), PromotionUse.objects.count(), cart.state) == (0, 0, "open")


def test_a_customers_limit_knows_them_with_and_without_account(customer: User) -> None:
    coupon("MINE", usage_limit_per_customer=1)
    place_order(cart=cart_with("MINE", user=customer), user=customer)
    with pytest.raises(CouponNotApplicable) as refused:
        place_order(cart=cart_with("MINE"), contact=orders.Contact(customer.email))
    assert refused.value.text == "You have used MINE already."
    assert place_order(cart=cart_with("MINE")).discount_minor == 480


def test_a_first_order_is_one() -> None:
    stored_promotion(name="First order", new_customers_only=True)
    assert [place_order().discount_minor for _ in range(2)] == [480, 0]
    assert place_order(contact=orders.Contact("ben@example.com")).discount_minor == 480


def test_another_country_other_promotions() -> None:
    stored_promotion(name="Only here", countries=["DE"])
    assert place_order().discount_minor == 480
    assert place_order(shipping_address={**ADDRESS, "country": "AT"}).discount_minor == 0


def test_an_order_that_costs_nothing_is_paid() -> None:
    coupon("ALL", of=stored_promotion(name="All", needs_coupon=True, percent=100))
    coupon("FREESHIP", of=stored_promotion(name="Free delivery", needs_coupon=True, **FREE_DELIVERY))
    order = place_order(cart=cart_with("ALL", "FREESHIP"))
    assert (order.total_minor, order.status, order.payment_status) == (0, "confirmed", "paid")
    order = orders.cancel_order(order, actor="guest", reason="test", now=timezone.now())
    assert order.payment_status == "voided"
    assert "Nothing was charged." in render_to_string("mail/cancelled.txt", {"order": order})


def test_a_refund_gives_back_what_was_paid_after_discounts(transactional_db: None) -> None:
    """The order still says what was off; its code stays used, as the order was one."""
    coupon("WELCOME10", usage_limit=1)
    order = place_order(cart=cart_with("WELCOME10"), payment_method="invoice")
    now = timezone.now()
    payments.start(order, now=now)
    payments.record_manual_payment(order, actor="user_staff", now=now)
    assert [made.amount_minor for made in payments.refund_order(order, reason="returned", now=now)] == [4320 + 490]
    assert payments.refund_order(order, reason="again", now=now) == []
    order.refresh_from_db()
    assert (order.payment_status, order.discount_minor, order.total_minor) == ("refunded", 480, 4810)
    assert uses("WELCOME10") == 1


def test_a_code_that_is_over_does_not_cost_what_runs_by_itself() -> None:
    promotion, now = stored_promotion(name="Ten off"), timezone.now()
    coupon("OVER", of=promotion, ends_at=now - timedelta(days=1))
    order = place_order(cart=cart_with("OVER"), shown_total_minor=4320 + 490)
    assert [(each.name, each.code) for each in order.applied] == [("Ten off", "")]


def test_a_good_code_of_what_runs_by_itself_counts_once() -> None:
    coupon("GOOD", of=stored_promotion(name="Ten off"))
    order = place_order(cart=cart_with("GOOD"))
    assert [(each.code, each.amount_minor) for each in order.applied] == [("GOOD", 480)]
    assert uses("GOOD") == 1


# --- POST /api/orders


def test_a_code_given_with_the_order(transactional_db: None, api: ApiClient) -> None:
    coupon("WELCOME10")
    answer = api.post("/orders", order_body(fill_cart(api), couponCode=" welcome10 "))
    assert answer.status_code == 201, answer.content
    data = answer.json()["data"]
    assert (data["total"], data["discountTotal"]) == (48.1, 4.8)
    assert data["discounts"] == [
        {"name": "WELCOME10", "code": "WELCOME10", "phase": "order", "amount": 4.8, "amountMinor": 480}
    ]


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [("NOTHING", 409, "coupon_invalid"), ("LATER", 409, "coupon_not_applicable"), ("x" * 65, 400, "invalid_input")],
)
def test_a_code_that_does_not_count_orders_nothing(code: str, status: int, error: str, api: ApiClient) -> None:
    later = stored_promotion(needs_coupon=True, starts_at=timezone.now() + timedelta(days=1))
    coupon("LATER", of=later)
    cart_id = fill_cart(api)
    answer = api.post("/orders", order_body(cart_id, couponCode=code, expectedTotal=52.9))
    assert (answer.status_code, answer.json()["code"]) == (status, error)
    assert Order.objects.count() == 0
    assert CartSnapshot.objects.get().coupon_codes == []


def test_codes_are_not_guessed_with_orders(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "coupon", Limit(per_minute=1, burst=2, guards_secrets=True))
    cart_id = fill_cart(api)
    tries = [api.post("/orders", order_body(cart_id, couponCode=f"GUESS{number}")) for number in range(3)]
    assert [answer.status_code for answer in tries] == [409, 409, 429]


# --- Review step


@pytest.fixture
def at_review(transactional_db: None, client: Client) -> Client:
    variant = make_variant()
    client.post("/cart/items/", {"sku": variant.sku, "quantity": 2})
    client.get("/checkout/")
    client.post("/checkout/contact/", ADDRESS | {"email": "ada@example.com"})
    return client


def test_a_code_entered_before_ordering(at_review: Client) -> None:
    coupon("WELCOME10", of=stored_promotion(name="Ten percent to start with", needs_coupon=True))
    page = at_review.get("/checkout/review/")
    assert "Add a discount code" in page.content.decode()
    answer = at_review.post("/cart/coupon/", {"code": "welcome10", "next": "/checkout/review/"})
    assert (answer.status_code, answer["Location"]) == (302, "/checkout/review/")
    page = at_review.get("/checkout/review/")
    text = page.content.decode()
    assert "Ten percent to start with" in text
    assert "−€4.80" in text
    form = page.context["form"].initial
    body = {"payment_method": "cod", "shown_total": form["shown_total"], "key": form["key"]}
    assert at_review.post("/checkout/review/", body).status_code == 302
    assert Order.objects.get().total_minor == 4810


def test_a_code_that_ends_while_they_read_shows_the_new_total(at_review: Client) -> None:
    made = coupon("WELCOME10")
    at_review.post("/cart/coupon/", {"code": "WELCOME10"})
    form = at_review.get("/checkout/review/").context["form"].initial
    Coupon.objects.filter(pk=made.pk).update(ends_at=timezone.now())
    body = {"payment_method": "cod", "shown_total": form["shown_total"], "key": form["key"]}
    page = at_review.post("/checkout/review/", body)
    assert page.status_code == 200
    assert "WELCOME10 ended on" in page.content.decode()
    assert page.context["form"].initial["shown_total"] == 5290
    assert Order.objects.count() == 0


# --- What a delivery costs looks at the goods after discounts


@pytest.fixture
def free_from_48(db: None) -> None:
    ShippingMethod.objects.update(free_from_minor=4800)


@pytest.mark.usefixtures("free_from_48")
def test_a_discount_below_free_from_costs_the_delivery() -> None:
    assert place_order(cart=cart_with()).shipping_minor == 0
    coupon("WELCOME10")
    order = place_order(cart=cart_with("WELCOME10"), shown_total_minor=4810)
    assert (order.discount_minor, order.shipping_minor) == (480, 490)


@pytest.mark.usefixtures("free_from_48")
def test_the_bag_and_the_api_say_what_the_order_costs(api: ApiClient, client: Client) -> None:
    coupon("WELCOME10")
    cart = cart_with("WELCOME10")
    options = api.get(f"/shipping/options?cartId={cart.public_id}").json()["data"]
    assert options[0]["priceMinor"] == 490
    session = client.session
    session["cart"] = cart.public_id
    session.save()
    page = client.get("/cart/")
    assert page.context["quote"].total_minor == 4810
    assert '<progress id="free-delivery" value="4320" max="4800">' in page.content.decode()


def test_a_limit_by_value_looks_at_discounted_goods() -> None:
    ShippingMethod.objects.update(max_goods_minor=4500)
    with pytest.raises(NotDeliverable):
        place_order(cart=cart_with())
    coupon("WELCOME10")
    assert place_order(cart=cart_with("WELCOME10")).total_minor == 4810
