from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.models import Product
from recommendations import operations

from .factories import make_products, order_of

pytestmark = pytest.mark.usefixtures("sound")


def headings(path: str, client: Client | None = None) -> list[str]:
    page = (client or Client()).get(path).content.decode()
    titles = ("Bought together", "Similar things", "You may also need", "For you", "Popular now")
    return sorted((title for title in titles if f">{title}</h2>" in page), key=page.index)


@pytest.fixture
def shelf(customer: User) -> list[Product]:
    cup, pot, lamp = make_products(3)
    for _ in range(2):
        order_of(cup, pot, user=UserFactory.create())
    order_of(cup, user=customer)
    operations.generate(timezone.now() + timedelta(seconds=1))
    return [cup, pot, lamp]


def test_a_products_page_has_two_rows(shelf: list[Product]) -> None:
    cup, pot, lamp = shelf
    assert headings(cup.get_absolute_url()) == ["Bought together", "Similar things"]
    assert headings(lamp.get_absolute_url()) == ["Similar things"]
    page = Client().get(cup.get_absolute_url()).content.decode()
    assert page.index(pot.name) < page.index(lamp.name)


def test_home_is_popular_or_for_who_bought(shelf: list[Product], browser: Client) -> None:
    assert headings("/") == ["Popular now"]
    assert headings("/", browser) == ["For you"]
    newcomer = Client()
    newcomer.force_login(UserFactory.create())
    assert headings("/", newcomer) == ["Popular now"]


def test_a_shop_that_opened_today_has_no_empty_rows(db: None, browser: Client) -> None:
    make_products(1)
    assert headings("/") == headings("/", browser) == []


@pytest.mark.parametrize(
    ("inside", "expected"), [([2], []), ([0], ["You may also need"]), ([0, 2], ["You may also need"]), ([0, 1], [])]
)
def test_the_bag_names_what_goes_with_it(inside: list[int], expected: list[str], shelf: list[Product]) -> None:
    shopper = Client()
    # A guest's bag is read from Redis, which hears of it after a commit, and this test never commits.
    shopper.force_login(UserFactory.create())
    for number in inside:
        shopper.post("/cart/items/", {"sku": shelf[number].variants.get().sku, "quantity": 1})
    assert headings("/cart/", shopper) == expected


def test_queries_do_not_grow_with_the_rows(db: None) -> None:
    products = make_products(3)
    counts = []
    for _ in range(2):
        for _ in range(2):
            order_of(*products)
        operations.generate(timezone.now() + timedelta(seconds=1))
        counts.append(count_of("/"))
        counts.append(count_of(products[0].get_absolute_url()))
        products += make_products(3, products[0].category)
    assert counts[:2] == counts[2:]


def count_of(path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert Client().get(path).status_code == 200
    return len(captured)
