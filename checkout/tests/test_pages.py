"""Contact, delivery, review: the walk of a shopper with a browser that keeps cookies and runs no script."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import AddressFactory
from cart.models import CartSnapshot
from catalog.models import Variant
from inventory import operations as inventory
from inventory.models import Reservation, StockItem
from orders.models import Order
from payments import operations as payments
from payments.models import Payment
from payments.tests.sandbox import Sandbox
from shipping.models import ShippingMethod

from .factories import make_variant, reprice

pytestmark = pytest.mark.usefixtures("sound")
CONTACT = {
    "email": "Ada@Example.com", "full_name": "Ada Byron", "line1": "Lindenallee 7", "line2": "", "postal_code": "10115",
    "city": "Berlin", "region": "", "country": "DE", "phone": "+49 30 1",
}  # fmt: skip


def add(browser: Client, variant: Variant, quantity: int = 2) -> None:
    assert browser.post("/cart/items/", {"sku": variant.sku, "quantity": quantity}).status_code == 302


def to_review(browser: Client) -> Any:
    """Through the steps; the review page with its form's hidden fields."""
    assert browser.get("/checkout/")["Location"] == "/checkout/contact/"
    assert browser.get("/checkout/contact/").status_code == 200
    assert browser.post("/checkout/contact/", CONTACT)["Location"] == "/checkout/delivery/"
    assert browser.get("/checkout/delivery/").status_code == 200
    answer = browser.post("/checkout/delivery/", {"shipping_method": "standard"})
    assert answer["Location"] == "/checkout/review/"
    page = browser.get("/checkout/review/")
    assert page.status_code == 200
    return page


def form_of(page: Any, **values: Any) -> dict[str, Any]:
    form = page.context["form"]
    return {name: form[name].value() for name in ("key", "shown_total", "payment_method")} | values


def order_with(browser: Client, page: Any, **values: Any) -> Any:
    return browser.post("/checkout/review/", form_of(page, **values))


def test_walk_of_a_guest(transactional_db: None, client: Client) -> None:
    add(client, make_variant())
    page = to_review(client)
    assert page.context["quote"].total_minor == 5290
    for text in ("ada@example.com", "Lindenallee 7", "Standard delivery"):
        assert text in page.text
    assert page.context["form"]["payment_method"].value() == "stripe"

    answer = order_with(client, page, payment_method="cod")
    order = Order.objects.get()
    assert answer["Location"] == f"/orders/{order.public_id}/?token={order.access_token}&placed=1"
    assert "Thank you for your order" in client.get(answer["Location"], follow=True).text
    assert client.get(order.get_absolute_url()).status_code == 200  # without the token, in this browser
    assert (order.email, order.phone) == ("ada@example.com", "+49 30 1")
    assert (order.status, order.total_minor) == ("confirmed", 5290)
    # Back in the browser: the bag is empty and nothing can be ordered again.
    assert client.get("/checkout/review/")["Location"] == "/cart/"
    assert order_with(client, page, payment_method="cod")["Location"] == answer["Location"]
    assert Order.objects.count() == 1


def test_walk_with_a_card(sandbox: Sandbox, client: Client) -> None:
    add(client, make_variant())
    answer = order_with(client, to_review(client))
    order, payment = Order.objects.get(), Payment.objects.get()
    assert answer["Location"] == payment.redirect_url
    sandbox.pay(payment)
    back = client.get(f"/orders/{order.public_id}/paid/?token={order.access_token}", follow=True)
    assert "Thank you for your order" in back.text and "It is paid" in back.text


def test_provider_away(transactional_db: None, client: Client) -> None:
    add(client, make_variant())
    answer = order_with(client, to_review(client))
    order = Order.objects.get()
    assert answer["Location"].startswith(f"/orders/{order.public_id}/pay/")
    page = client.get(answer["Location"], follow=True)
    assert "Your order is kept" in page.text and page.status_code == 200
    assert order.status == "pending"


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({"email": "ada"}, "email", "valid email address"),
        ({"email": ""}, "email", "required"),
        ({"email": "a@example.com\r\nBcc: b@example.com"}, "email", "can&#x27;t be used"),
        ({"full_name": " "}, "full_name", "required"),
        ({"line1": "x" * 201}, "line1", "at most 200"),
        ({"line1": "x\x00"}, "line1", "Null characters"),
        ({"postal_code": ""}, "postal_code", "postal code"),
        ({"country": "XX"}, "country", "valid choice"),
        ({"phone": "1" * 41}, "phone", "at most 40"),
    ],
)
def test_errors_keep_what_was_typed(client: Client, db: None, values: dict[str, str], field: str, text: str) -> None:
    add(client, make_variant())
    page = client.post("/checkout/contact/", CONTACT | {"city": "Potsdam"} | values)
    assert page.status_code == 200
    assert list(page.context["form"].errors) == [field]
    assert text in page.text and "There is a problem" in page.text
    assert 'value="Potsdam"' in page.text


@pytest.mark.parametrize("step", ["contact", "delivery"])
def test_form_sent_empty_has_errors(client: Client, db: None, step: str) -> None:
    add(client, make_variant())
    client.post("/checkout/contact/", CONTACT)
    page = client.post(f"/checkout/{step}/")
    assert page.status_code == 200 and "There is a problem" in page.text


@pytest.mark.parametrize(
    "values",
    [{"payment_method": ""}, {"payment_method": "free"}, {"key": "short"}, {"key": "buy_\x00" + "x" * 20}, {"key": ""},
     {"shown_total": "-1"}, {"shown_total": "9" * 50}, {"shown_total": "abc"}],
)  # fmt: skip
def test_review_that_was_tampered_with(client: Client, db: None, values: dict[str, str]) -> None:
    add(client, make_variant())
    page = order_with(client, to_review(client), **values)
    assert page.status_code == 200
    assert not Order.objects.exists()


def test_back_shows_what_was_entered(client: Client, db: None) -> None:
    add(client, make_variant())
    to_review(client)
    page = client.get("/checkout/contact/")
    assert 'value="Lindenallee 7"' in page.text and 'value="ada@example.com"' in page.text


def test_steps_ask_for_what_is_missing(client: Client, db: None) -> None:
    assert client.get("/checkout/")["Location"] == "/cart/"
    assert client.get("/checkout/contact/")["Location"] == "/cart/"
    add(client, make_variant())
    for step in ("delivery", "review"):
        assert client.get(f"/checkout/{step}/")["Location"] == "/checkout/contact/"
    client.post("/checkout/contact/", CONTACT)
    ShippingMethod.objects.update(countries=["FR"])
    assert client.get("/checkout/review/")["Location"] == "/checkout/delivery/"
    assert "deliver to this address" in client.get("/checkout/delivery/").text


def test_only_served_countries_are_offered(client: Client, db: None) -> None:
    ShippingMethod.objects.update(countries=["DE", "FR"])
    add(client, make_variant())
    form = client.get("/checkout/contact/").context["form"]
    assert [code for code, _ in form.fields["country"].choices] == ["FR", "DE"]


def test_saved_address(browser: Client, customer: User) -> None:
    first = AddressFactory.create(user=customer, line1="First Street 1")
    second = AddressFactory.create(user=customer, line1="Second Street 2")
    add(browser, make_variant())
    queries = {"plain": "", "chosen": f"?address={second.public_id}", "foreign": "?address=addr_1"}
    pages = {name: browser.get(f"/checkout/contact/{query}") for name, query in queries.items()}
    shown = {name: page.context["form"].initial for name, page in pages.items()}
    assert shown["chosen"]["line1"] == "Second Street 2"
    assert shown["plain"]["line1"] == shown["foreign"]["line1"] in {first.line1, second.line1}
    assert shown["plain"]["email"] == customer.email


def test_foreign_saved_address_is_not_shown(browser: Client, customer: User) -> None:
    foreign = AddressFactory.create(line1="Secret Street 1")
    add(browser, make_variant())
    assert "Secret Street" not in browser.get(f"/checkout/contact/?address={foreign.public_id}").text


def test_double_click_is_one_order(transactional_db: None, client: Client) -> None:
    add(client, make_variant())
    form = form_of(to_review(client), payment_method="cod")
    cookies = client.cookies

    def click(_: int) -> str:
        twin = Client()
        twin.cookies = cookies
        try:
            return twin.post("/checkout/review/", form)["Location"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        targets = set(pool.map(click, range(8)))
    order = Order.objects.get()
    assert targets == {f"/orders/{order.public_id}/?token={order.access_token}&placed=1"}
    assert (Payment.objects.count(), StockItem.objects.get().reserved) == (1, 2)


def test_key_of_another_session_opens_nothing(transactional_db: None, client: Client) -> None:
    add(client, make_variant())
    page = to_review(client)
    order_with(client, page, payment_method="cod")
    thief = Client()
    assert order_with(thief, page, payment_method="cod")["Location"] == "/checkout/contact/"


def test_price_that_changed_is_shown_before_it_is_paid(transactional_db: None, client: Client) -> None:
    variant = make_variant()
    add(client, variant)
    page = to_review(client)
    reprice(variant, 2600)
    again = order_with(client, page, payment_method="invoice")
    assert again.status_code == 200 and not Order.objects.exists()
    assert "Prices changed since you last looked" in again.text
    assert again.context["changed"] == [(variant.product.name, 2400, 2600)]
    assert form_of(again)["payment_method"] == "invoice"
    order_with(client, again)
    assert Order.objects.get().total_minor == 2 * 2600  # free delivery from 50.00


def test_sold_out_at_the_start(client: Client, db: None) -> None:
    variant = make_variant(stock=2)
    add(client, variant)
    cart = CartSnapshot.objects.get()
    Reservation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    cart.lines[0]["heldUntil"] = (timezone.now() - timedelta(seconds=1)).isoformat()
    CartSnapshot.objects.update(lines=cart.lines)
    inventory.release_expired(timezone.now())
    add(Client(), variant)
    answer = client.get("/checkout/", follow=True)
    assert answer.redirect_chain == [("/cart/", 302)]
    assert "sold out" in answer.text


def test_sold_out_at_the_end(client: Client, db: None) -> None:
    variant = make_variant(stock=2)
    add(client, variant)
    page = to_review(client)
    Reservation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    inventory.release_expired(timezone.now())
    add(Client(), variant)
    answer = client.post("/checkout/review/", form_of(page), follow=True)
    assert answer.redirect_chain == [("/cart/", 302)]
    assert "sold out" in answer.text
    assert not Order.objects.exists()


@pytest.mark.parametrize("is_guest", [True, False])
def test_change_of_an_order_gives_the_bag_back(sandbox: Sandbox, customer: User, is_guest: bool) -> None:
    browser = Client()
    if not is_guest:
        browser.force_login(customer)
    add(browser, make_variant())
    order_with(browser, to_review(browser))
    order = Order.objects.get()
    token = order.access_token
    assert Client().post(f"/checkout/change/{order.public_id}/").status_code == 404

    answer = browser.post(f"/checkout/change/{order.public_id}/", {"token": token}, follow=True)
    assert answer.redirect_chain == [("/cart/", 302)]
    assert answer.context["cart"].item_count == 2
    order.refresh_from_db()
    assert (order.status, Payment.objects.get().status) == ("cancelled", "voided")
    order_with(browser, to_review(browser), payment_method="cod")
    assert Order.objects.filter(status="confirmed").count() == 1
    assert StockItem.objects.get().reserved == 2


def test_change_of_an_order_adds_to_what_a_guest_has_begun_since(sandbox: Sandbox, client: Client) -> None:
    ordered, newer = make_variant(), make_variant()
    add(client, ordered)
    order_with(client, to_review(client))
    add(client, newer)
    answer = client.post(f"/checkout/change/{Order.objects.get().public_id}/", follow=True)
    bag = answer.context["cart"]
    assert {line.sku for line in bag.lines} == {ordered.sku, newer.sku}
    assert Order.objects.get().status == "cancelled"
    order_with(client, to_review(client), payment_method="cod")
    assert Order.objects.get(status="confirmed").lines.count() == 2


def test_change_of_what_was_paid_meanwhile(sandbox: Sandbox, client: Client) -> None:
    add(client, make_variant())
    order_with(client, to_review(client))
    sandbox.pay(Payment.objects.get())
    answer = client.post(f"/checkout/change/{Order.objects.get().public_id}/", follow=True)
    assert "can&#x27;t be changed any more" in answer.text
    assert Order.objects.get().payment_status == "paid"


def test_change_while_the_provider_is_away(sandbox: Sandbox, client: Client, settings: Any) -> None:
    add(client, make_variant())
    order_with(client, to_review(client))
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    answer = client.post(f"/checkout/change/{Order.objects.get().public_id}/", follow=True)
    assert "be reached right now" in answer.text
    assert Order.objects.get().status == "pending"
    settings.STRIPE_API_BASE = sandbox.url
    payments.reconcile(timezone.now() + timedelta(minutes=2))
