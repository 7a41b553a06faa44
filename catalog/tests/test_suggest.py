from typing import Any

import pytest
from django.test import Client

from catalog.operations import ProductDraft, VariantDraft, create_product, withdraw_product
from catalog.queries import any_product_with

from .factories import CategoryFactory

pytestmark = pytest.mark.django_db
ADDRESS = "/api/products/suggest"


@pytest.fixture(autouse=True)
def shop(db: None) -> None:
    table = CategoryFactory(name="Table")
    CategoryFactory(name="Mugs", parent=table)
    for place in range(12):
        draft = VariantDraft(f"MUG-{place}", 2400 + place, stock=place)
        create_product(ProductDraft(name=f"Harbour mug {place}", category="Mugs", variants=[draft]), actor="test")
    draft = VariantDraft("TR-1", 4500, stock=3)
    create_product(ProductDraft(name="Oak tray", category="Table", variants=[draft]), actor="test")


def suggestions(client: Client, **query: Any) -> Any:
    answer = client.get(ADDRESS, query)
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


def test_the_last_word_is_a_beginning(client: Client) -> None:
    data = suggestions(client, q="oak tr")
    assert [product["name"] for product in data["products"]] == ["Oak tray"]
    assert data["products"][0] | {"productId": "", "image": None} == {
        "productId": "",
        "name": "Oak tray",
        "slug": "oak-tray",
        "price": 45.0,
        "priceMinor": 4500,
        "currency": "EUR",
        "image": None,
        "stock": 3,
    }
    assert data["didYouMean"] is None


def test_categories_stand_beside_products(client: Client) -> None:
    data = suggestions(client, q="mu", limit=5)
    assert [category["path"] for category in data["categories"]] == ["table/mugs"]
    assert len(data["products"]) == 5


def test_a_misspelt_word_is_corrected_and_told(client: Client) -> None:
    data = suggestions(client, q="harbuor")
    assert data["didYouMean"] == "harbour"
    assert len(data["products"]) == 8


def test_what_is_withdrawn_is_not_suggested(client: Client) -> None:
    found = suggestions(client, q="oak tray")["products"]
    withdraw_product(any_product_with(found[0]["productId"]), actor="test")
    assert suggestions(client, q="oak tray")["products"] == []


@pytest.mark.parametrize("text", ["", "   ", "%", ":*&!", "'; DELETE --", "\u202e"])
def test_text_without_a_word_suggests_nothing(client: Client, text: str) -> None:
    assert suggestions(client, q=text)["products"] == []


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "11"}, {"limit": "x"}, {"q": "x" * 201}, {"q": "a\nb"}])
def test_bad_input_is_told_by_field(client: Client, query: dict[str, str]) -> None:
    answer = client.get(ADDRESS, query)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, list(query))


def test_queries_do_not_grow_with_the_suggestions(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(9):
        suggestions(client, q="mug", limit=1)
    with django_assert_num_queries(9):
        suggestions(client, q="mug", limit=10)
