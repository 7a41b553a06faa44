from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from accounts.models import User
from cart import operations
from cart.models import CartSnapshot
from catalog.models import Variant
from catalog.tests.factories import VariantFactory
from inventory import operations as inventory
from shop.rate_limits import LIMITS, Limit

from .factories import cart_of, contents, holds, item_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound", "mug", "bowl")]


@pytest.fixture
def guest() -> Client:
    return Client()


def add(browser: Client, sku: str = "MUG", quantity: Any = 1, **more: str) -> Any:
    return browser.post("/cart/items/", {"sku": sku, "quantity": quantity, **more})


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def the_cart() -> CartSnapshot:
    return CartSnapshot.objects.get()


class TestAdd:
    def test_the_article_is_in_the_bag_and_held(self, guest: Client) -> None:
        response = add(guest, quantity=2)
        assert (response.status_code, response["Location"]) == (302, "/cart/")
        assert said(response) == ["Mug is in your bag."]
        assert contents(the_cart()) == holds(the_cart()) == {"MUG": 2}
        add(guest, "BOWL")
        assert contents(the_cart()) == {"MUG": 2, "BOWL": 1}

    def test_a_persons_cart_is_theirs(self, browser: Client, customer: User) -> None:
        add(browser)
        assert the_cart().user == customer

    @pytest.mark.parametrize("quantity", [0, -1, 21, "", "x", "1.5", 2**63])
    def test_another_quantity_is_refused(self, guest: Client, quantity: Any) -> None:
        response = add(guest, quantity=quantity)
        assert response.status_code == 302
        assert said(response) == ["Choose a quantity from 1 to 20."]
        assert not CartSnapshot.objects.exists()

    def test_more_than_there_is_says_how_many_there_are_and_begins_no_cart(self, guest: Client) -> None:
        response = add(guest, quantity=11, next="/products/mug/")
        assert response["Location"] == "/products/mug/"
        assert said(response) == ["Only 10 left of Mug."]
        assert not CartSnapshot.objects.exists()

    @pytest.mark.parametrize(
        "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", ""]
    )
    def test_an_address_of_others_is_not_gone_back_to(self, guest: Client, target: str) -> None:
        assert add(guest, quantity=0, next=target)["Location"] == "/cart/"

    def test_what_is_not_sold_is_a_page_that_says_so(self, guest: Client) -> None:
        Variant.objects.update(is_active=False)
        response = add(guest)
        assert response.status_code == 404
        assert "not sold any more" in response.content.decode()

    def test_too_many_at_once_is_a_page_that_says_so(self, guest: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(LIMITS, "cart", Limit(per_minute=1, burst=1))
        add(guest)
        response = add(guest)
        assert (response.status_code, response["Retry-After"]) == (429, "60")

    def test_get_is_not_a_way_to_add(self, guest: Client) -> None:
        assert guest.get("/cart/items/").status_code == 405


class TestChange:
    @pytest.fixture
    def filled(self, guest: Client) -> Client:
        add(guest, quantity=2)
        add(guest, "BOWL")
        return guest

    def test_a_quantity_is_set(self, filled: Client) -> None:
        response = filled.post(f"/cart/items/{item_id(the_cart())}/", {"quantity": 5})
        assert response["Location"] == "/cart/"
        assert contents(the_cart()) == holds(the_cart()) == {"MUG": 5, "BOWL": 1}

    def test_none_removes_the_line(self, filled: Client) -> None:
        filled.post(f"/cart/items/{item_id(the_cart())}/", {"quantity": 0})
        assert contents(the_cart()) == {"BOWL": 1}

    @pytest.mark.parametrize(
        ("quantity", "text"), [(11, "Only 8 left of Mug."), (21, "Choose a quantity from 1 to 20."), ("x", "Choose")]
    )
    def test_a_quantity_that_can_not_be_is_said(self, filled: Client, quantity: Any, text: str) -> None:
        response = filled.post(f"/cart/items/{item_id(the_cart())}/", {"quantity": quantity})
        assert said(response)[-1].startswith(text)
        assert contents(the_cart()) == {"MUG": 2, "BOWL": 1}

    def test_a_line_is_removed(self, filled: Client) -> None:
        path = f"/cart/items/{item_id(the_cart())}/remove/"
        filled.post(path)
        assert contents(the_cart()) == holds(the_cart()) == {"BOWL": 1}
        assert said(filled.post(path))[-1] == "Not found."

    def test_the_cart_is_cleared(self, filled: Client) -> None:
        for _ in range(2):
            assert filled.post("/cart/clear/")["Location"] == "/cart/"
        assert contents(the_cart()) == holds(the_cart()) == {}

    def test_another_visitors_line_is_not_found(self, filled: Client) -> None:
        line = item_id(the_cart())
        other = Client()
        other.post(f"/cart/items/{line}/", {"quantity": 1})
        add(other)
        for path, body in ((f"/cart/items/{line}/", {"quantity": 1}), (f"/cart/items/{line}/remove/", {})):
            assert said(other.post(path, body))[-1] == "Not found."
        assert contents(CartSnapshot.objects.order_by("id")[0]) == {"MUG": 2, "BOWL": 1}

    def test_without_a_cart_nothing_happens(self, guest: Client) -> None:
        for path in ("/cart/items/item_x/", "/cart/items/item_x/remove/", "/cart/clear/"):
            assert guest.post(path, {"quantity": 1}).status_code == 302
        assert not CartSnapshot.objects.exists()


class TestPage:
    def test_empty(self, guest: Client) -> None:
        response = guest.get("/cart/")
        assert response.status_code == 200
        assert not response.cookies, "a visitor who only looks needs no session"

    def test_it_shows_lines_and_sums(self, guest: Client) -> None:
        add(guest, quantity=2)
        response = guest.get("/cart/")
        sums = response.context["quote"]
        assert (sums.subtotal_minor, sums.shipping_minor, sums.total_minor) == (4800, 490, 5290)
        assert sums.tax_minor == 766 + 78
        text = response.content.decode()
        assert "€48.00" in text
        assert "€52.90" in text
        assert response.context["cart_count"] == 2
        assert "no-store" in response["Cache-Control"]

    def test_it_is_free_to_deliver_from_a_value_on(self, guest: Client) -> None:
        add(guest, quantity=3)
        context = guest.get("/cart/").context
        assert (context["quote"].shipping_minor, context["free_from_minor"]) == (0, 5000)

    @pytest.mark.parametrize("lines", [1, 6])
    def test_it_takes_the_same_queries_however_many_lines(
        self, browser: Client, customer: User, lines: int, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(lines):
            VariantFactory.create(sku=f"V{number}")
        cart_of(customer, **{f"V{number}": 1 for number in range(lines)})
        browser.get("/cart/")
        # Person, cart, variants with products, pictures, stock, zones, delivery, holidays, promotions, tax; where we
        # deliver, twice; what is bought with them; the header's categories and count.
        with django_assert_max_num_queries(15):
            browser.get("/cart/")


class TestSignIn:
    def test_it_merges_the_guests_cart(self, guest: Client, customer: User) -> None:
        own = cart_of(customer, BOWL=1)
        add(guest, quantity=2)
        form = {"username": customer.email, "email": customer.email, "password": "correct horse battery"}
        assert guest.post("/account/login/", form).status_code == 302
        assert contents(own) == holds(own) == {"BOWL": 1, "MUG": 2}
        assert guest.get("/cart/").context["cart"].item_count == 3

    def test_signing_out_leaves_the_cart_with_its_person(self, browser: Client, customer: User) -> None:
        add(browser, quantity=2)
        browser.post("/account/logout/")
        assert browser.get("/cart/").context["cart"].item_count == 0
        browser.force_login(customer)
        assert browser.get("/cart/").context["cart"].item_count == 2


def test_after_the_order_the_next_article_begins_a_new_cart(guest: Client) -> None:
    add(guest)
    first = the_cart()
    inventory.release(first.reference)
    operations.close(first, now=timezone.now())
    assert guest.get("/cart/").context["cart"].item_count == 0
    add(guest, "BOWL")
    assert CartSnapshot.objects.count() == 2
    assert guest.get("/cart/").context["cart"].item_count == 1


def test_who_holds_the_last_ones_reads_so_on_the_products_page(guest: Client, mug: Variant) -> None:
    address, last = mug.product.get_absolute_url(), "The last ones are in your bag."
    add(guest, quantity=10)
    assert last in guest.get(address).content.decode()
    others = Client().get(address).content.decode()
    assert "Sold out for now." in others
    assert last not in others
