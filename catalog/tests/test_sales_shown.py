"""A sale as shoppers, programs and staff meet it: page and JSON side by side."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tests.clients import ApiClient
from catalog.models import Product, Variant
from catalog.operations import ProductDraft, VariantDraft, apply_sales, create_product
from checkout.tests.books import broken
from checkout.tests.clients import fill_cart, order_body
from orders.models import OrderLine
from pricing.models import Promotion

from .conftest import Send
from .factories import CategoryFactory, SaleFactory, VariantFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def bowl() -> Product:
    """24.00, and 20.40 in the sale of everything at the table. Beside it a vase at 22.00."""
    CategoryFactory.create(name="Table")
    CategoryFactory.create(name="Garden")
    create("Vase", "V-1", 2200, "Garden")
    product = create("Bowl", "B-1", 2400, "Table")
    SaleFactory.create(targets=["category:table"], ends_at=timezone.now() + timedelta(days=3))
    apply_sales(timezone.now())
    return product


def create(name: str, sku: str, price_minor: int, category: str) -> Product:
    return create_product(ProductDraft(name, category, [VariantDraft(sku, price_minor, stock=5)]), actor="test")


def end_sales() -> None:
    Promotion.objects.update(is_active=False)
    apply_sales(timezone.now())


def cards(path: str) -> dict[str, tuple[int, int | None, int | None]]:
    page = Client().get(path).context["page"]
    return {card.product.name: (card.price_minor, card.compare_at_minor, card.lowest_minor) for card in page}


def names(path: str) -> list[str]:
    return [product["name"] for product in Client().get(path).json()["data"]]


def test_card_page_and_answer_say_the_same(bowl: Product) -> None:
    assert cards("/products/") == {"Bowl": (2040, 2400, 2400), "Vase": (2200, None, None)}
    page = Client().get(bowl.get_absolute_url())
    assert (page.context["price_minor"], page.context["compare_at_minor"]) == (2040, 2400)
    text = page.content.decode()
    assert "Lowest price of the last 30 days: €24.00" in text and "Autumn table" in text
    assert '<span class="visually-hidden">before</span> <s>€24.00</s>' in text

    data = Client().get(f"/api/products/{bowl.public_id}").json()["data"]
    (variant,) = data["variants"]
    for answer in (data, variant):
        assert (answer["price"], answer["priceMinor"], answer["compareAtPrice"]) == (20.4, 2040, 24.0)
        ends_at = Promotion.objects.get().ends_at
        assert ends_at
        shown = ends_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        assert answer["sale"].pop("endsAt") == shown
        assert answer["sale"] == {"name": "Autumn table", "lowestPrice30Days": 24.0}

    end_sales()
    assert cards("/products/")["Bowl"] == (2400, None, None)
    data = Client().get(f"/api/products/{bowl.public_id}").json()["data"]
    assert (data["price"], data["compareAtPrice"], data["sale"]) == (24.0, None, None)


def test_a_price_before_that_staff_gave_is_a_reduction_too(bowl: Product, send: Send) -> None:
    body = {"price": 18, "compareAtPrice": 22}
    vase = Product.objects.get(name="Vase")
    assert send("put", f"/api/products/{vase.public_id}", body).status_code == 200
    assert cards("/products/")["Vase"] == (1800, 2200, 2200)
    data = Client().get(f"/api/products/{vase.public_id}").json()["data"]
    assert data["sale"] == {"name": "", "endsAt": None, "lowestPrice30Days": 22.0}
    assert cards("/products/?onSale=true").keys() == {"Bowl", "Vase"}


def test_outside_the_european_economic_area_pages_leave_the_lowest_price_out(bowl: Product, settings: Any) -> None:
    settings.SHOP_COUNTRY = "US"
    assert cards("/products/")["Bowl"] == (2040, 2400, None)
    assert "Lowest price" not in Client().get(bowl.get_absolute_url()).content.decode()


def test_lists_sort_and_filter_by_what_is_asked(bowl: Product) -> None:
    assert names("/api/products?sortBy=price_asc") == ["Bowl", "Vase"]
    assert names("/api/products?maxPrice=21") == ["Bowl"]
    assert names("/api/products?minPrice=23") == []
    assert list(cards("/products/?maxPrice=21")) == ["Bowl"]
    end_sales()
    assert names("/api/products?sortBy=price_asc") == ["Vase", "Bowl"]
    assert names("/api/products?minPrice=23") == ["Bowl"]


def test_what_is_on_sale_can_be_chosen(bowl: Product) -> None:
    assert names("/api/products?onSale=true") == list(cards("/products/?onSale=true")) == ["Bowl"]
    found = Client().get("/api/products/search?facets=true").json()["facets"]
    offers = {"name": "Offers", "parameter": "onSale", "values": [{"value": "true", "label": "On sale", "count": 1}]}
    assert offers in found
    page = Client().get("/products/?onSale=true").content.decode()
    assert 'name="onSale" value="true" checked' in page and "Remove filter" in page
    refused = Client().get("/api/products?onSale=1")
    assert refused.json()["fields"] == {"onSale": ["Must be one of: true, false."]}
    end_sales()
    assert names("/api/products?onSale=true") == []


def test_a_read_in_a_sale_sent_back_leaves_the_list_price(bowl: Product, send: Send) -> None:
    address = f"/api/products/{bowl.public_id}"
    data = send("get", address).json()["data"]
    assert send("put", address, data).status_code == 200
    assert Variant.objects.get(sku="B-1").price_minor == 2400
    # A new list price goes where the answer says it.
    changed = data | {"compareAtPrice": 30, "variants": [data["variants"][0] | {"compareAtPrice": 30}]}
    answer = send("put", address, changed)
    assert (answer.status_code, answer.json()["data"]["price"]) == (200, 25.5), answer.content
    # What was read is the price no more.
    refused = send("put", address, data)
    assert refused.status_code == 400 and set(refused.json()["fields"]) == {"price", "variants.0.price"}
    end_sales()
    refused = send("put", address, data)
    assert refused.status_code == 400
    # Without `sale` the price is the list price.
    assert send("put", address, {"price": 19}).json()["data"]["price"] == 19.0


@pytest.mark.django_db(transaction=True)
def test_the_bag_and_the_order_cost_what_was_shown(bowl: Product, api: ApiClient) -> None:
    cart_id = fill_cart(api, Variant.objects.get(sku="B-1"))
    cart = api.get(f"/cart/{cart_id}").json()["data"]
    assert (cart["items"][0]["price"], cart["total"]) == (20.4, 40.8)
    assert api.post("/orders", order_body(cart_id, expectedTotal=45.7)).status_code == 201
    line = OrderLine.objects.get()
    assert (line.unit_price_minor, line.list_price_minor) == (2040, 2400)


@pytest.mark.django_db(transaction=True)
def test_an_order_at_the_price_of_a_sale_that_ended_meanwhile_is_refused(bowl: Product, api: ApiClient) -> None:
    cart_id = fill_cart(api, Variant.objects.get(sku="B-1"))
    # Its time is over and no job has come by yet.
    Promotion.objects.update(ends_at=timezone.now())
    Variant.objects.exclude(sale=None).update(sale_until=timezone.now())
    answer = api.post("/orders", order_body(cart_id, expectedTotal=45.7))
    body = answer.json()
    assert (answer.status_code, body["code"]) == (409, "price_changed")
    assert (body["shownTotalMinor"], body["totalMinor"]) == (4570, 5290)
    assert body["lines"] == [{"sku": "B-1", "name": "Bowl", "oldPriceMinor": 2040, "priceMinor": 2400}]
    apply_sales(timezone.now())
    assert api.post("/orders", order_body(cart_id, expectedTotal=52.9)).status_code == 201
    assert broken() == {}


@pytest.mark.parametrize("path", ["/", "/products/", "/search/?q=bowl", "/api/products", "/products/bowl/"])
def test_queries_do_not_grow_with_what_is_reduced(path: str, bowl: Product, django_assert_num_queries: Any) -> None:
    client = Client()
    VariantFactory.create(product__category=bowl.category, product__name="Bowl of two")
    client.get(path)
    with CaptureQueriesContext(connection) as few:
        client.get(path)
    for number in range(8):
        VariantFactory.create(product__category=bowl.category, product__name=f"Bowl {number}")
    assert Variant.objects.exclude(sale=None).count() == 10
    with django_assert_num_queries(len(few)):
        client.get(path)


# --- Staff


def test_staff_see_what_is_asked_and_what_was(bowl: Product, admin_browser: Client) -> None:
    page = admin_browser.get(f"/admin/catalog/product/{bowl.pk}/change/").content.decode()
    assert "€20.40, Autumn table" in page
    assert page.count("€24.00</td>") == 2 and "list price</td>" in page
    assert admin_browser.get("/admin/catalog/product/add/").status_code == 200
