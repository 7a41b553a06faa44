from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from catalog.models import Attribute, ProductImage
from catalog.operations import ImageDraft, ProductDraft, VariantDraft, create_product, make_category
from catalog.operations import withdraw_product as withdraw
from shipping.models import ShippingMethod

from .factories import VariantFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def mug() -> Any:
    make_category(["Table", "Mugs"])
    Attribute.objects.create(
        code="color", name="Colour", kind="choice", is_axis=True, position=1,
        choices=[{"value": "Teal", "swatch": "#1f4f54"}, {"value": "Clay", "swatch": "#a9431e"}],
    )  # fmt: skip
    Attribute.objects.create(code="height", name="Height", kind="number", unit="cm", position=2)
    Attribute.objects.create(code="dishwasher", name="Dishwasher safe", kind="boolean", position=3)
    return create_product(
        ProductDraft(
            name="Harbour mug",
            category="Mugs",
            brand="Ossery",
            attributes={"height": 8.5, "dishwasher": True, "material": "Stoneware"},
            images=[stored("common.webp")],
            variants=[
                VariantDraft(
                    "T-S", 2400, stock=3, options={"color": "Teal", "size": "S"}, images=[stored("teal.webp")]
                ),
                VariantDraft(
                    "T-L", 2800, stock=0, options={"color": "Teal", "size": "L"}, images=[stored("teal.webp")]
                ),
                VariantDraft("C-S", 2200, compare_at_minor=2600, stock=9, options={"color": "Clay", "size": "S"}),
            ],
        ),
        actor="test",
    )


def stored(name: str) -> ImageDraft:
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(b"x"))
    return ImageDraft(file=name, digest=name, width=40, height=50, alt=f"Picture {name}")


def context(path: str, **parameters: str) -> Any:
    response = Client().get(path, parameters)
    assert response.status_code == 200
    return response.context


def test_a_card_shows_the_cheapest_price_facts_swatches_and_stock(media: None, mug: Any) -> None:
    card = context("/products/")["page"].items[0]
    assert (card.price_minor, card.compare_at_minor, card.price_varies) == (2200, 2600, True)
    assert card.fact == "8.5 cm, Stoneware"
    assert list(card.swatches) == [("Teal", "#1f4f54"), ("Clay", "#a9431e")]
    assert (card.available, card.stock_word, card.is_new) == (12, "", True)
    assert card.image.file.name == "common.webp"


def test_the_product_page_shows_the_first_variant_that_can_be_bought(media: None, mug: Any) -> None:
    page = context(mug.get_absolute_url())
    assert page["selected"].sku == "T-S"
    assert (page["price_minor"], page["available"], page["stock_word"]) == (2400, 3, "Only 3 left")
    assert [crumb[0] for crumb in page["breadcrumbs"]] == ["Table", "Mugs", "Harbour mug"]
    assert page["facts"] == [("Height", "8.5 cm"), ("Dishwasher safe", "Yes"), ("Material", "Stoneware")]
    assert page["max_quantity"] == 3
    assert {image.file.name for image in page["images"]} == {"teal.webp", "common.webp"}
    assert page["image"].file.name == "teal.webp"


def test_choosing_a_variant(media: None, mug: Any) -> None:
    path = mug.get_absolute_url()
    large = context(path, variant="T-L")
    assert (large["selected"].sku, large["available"], large["stock_word"]) == ("T-L", 0, "Sold out")
    assert large["delivery"] is None
    colour, size = large["axes"]
    assert [(row.value, row.selected, row.exists, row.available) for row in colour.options] == [
        ("Teal", True, True, False),
        ("Clay", False, True, True),
    ]
    assert colour.options[0].swatch == "#1f4f54"
    assert colour.options[1].url == f"{path}?variant=C-S"
    assert [(row.value, row.selected) for row in size.options] == [("S", False), ("L", True)]
    clay = context(path, variant="C-S")
    assert [(row.value, row.exists) for row in clay["axes"][1].options] == [("S", True), ("L", False)]
    assert context(path, variant=clay["selected"].public_id)["selected"].sku == "C-S"


@pytest.mark.parametrize("parameters", [{"variant": "x"}, {"variant": "' OR 1"}, {"image": "99"}, {"image": "-1"},
                                        {"image": "²"}, {"image": "9" * 5000}, {"variant": "x" * 5000}])  # fmt: skip
def test_a_choice_that_does_not_exist_is_passed_over(media: None, mug: Any, parameters: dict[str, str]) -> None:
    assert context(mug.get_absolute_url(), **parameters)["selected"].sku == "T-S"


def test_delivery_is_a_date_and_a_price(media: None, mug: Any) -> None:
    ShippingMethod.objects.all().delete()
    ShippingMethod.objects.create(code="parcel", name="Parcel", price_minor=490, free_from_minor=5000)
    delivery = context(mug.get_absolute_url())["delivery"]
    assert (delivery.name, delivery.price_minor, delivery.free_from_minor) == ("Parcel", 490, 5000)
    assert delivery.first <= delivery.last


def test_chips_take_one_choice_out_and_keep_the_rest(mug: Any, media: None) -> None:
    parameters = {"brand": "Ossery", "attr.color": "Teal", "maxPrice": "30", "sortBy": "price_asc", "page": "1"}
    page = context("/category/table/", **parameters)
    assert dict(page["chips"]) == {
        "Ossery": "/category/table/?attr.color=Teal&maxPrice=30&sortBy=price_asc",
        "Teal": "/category/table/?brand=ossery&maxPrice=30&sortBy=price_asc",
        "To €30.00": "/category/table/?attr.color=Teal&brand=ossery&sortBy=price_asc",
    }
    assert page["clear_url"] == "/category/table/?sortBy=price_asc"
    colours = next(facet for facet in page["facets"] if facet.parameter == "attr.color")
    assert [(row.value, row.count, row.selected, row.swatch) for row in colours.values] == [
        ("Teal", 1, True, "#1f4f54"),
        ("Clay", 1, False, "#a9431e"),
    ]
    assert "attr.color=Teal&attr.color=Clay" in colours.values[1].url


def test_a_chosen_value_that_nothing_has_stays_in_sight(mug: Any, media: None) -> None:
    page = context("/products/", **{"attr.color": "Pink"})
    assert page["page"].total == 0
    colours = next(facet for facet in page["facets"] if facet.parameter == "attr.color")
    assert ("Pink", 0, True) in [(row.value, row.count, row.selected) for row in colours.values]


def test_invalid_values_are_told_and_passed_over(mug: Any, media: None) -> None:
    wrong = {"minPrice": "abc", "sortBy": "password", "page": "-1", "inStock": "perhaps", "category": "nowhere"}
    page = context("/products/", **wrong)
    assert set(page["form"].errors) == set(wrong)
    assert page["page"].total == 1
    assert page["chips"] == []
    crossed = context("/products/", minPrice="50", maxPrice="10")
    assert list(crossed["form"].errors) == ["minPrice"]


@pytest.mark.parametrize(
    "path",
    ["/products/nowhere/", "/category/nowhere/", "/category/%2e%2e/%2e%2e/etc/", "/category/%00/", "/products/a%00b/"],
)
def test_what_is_not_there_is_404(path: str) -> None:
    assert Client().get(path).status_code == 404


def test_a_withdrawn_product_leaves_pages_and_home(mug: Any, media: None) -> None:
    assert [card.product.name for card in context("/")["cards"]] == ["Harbour mug"]
    withdraw(mug, actor="test")
    assert context("/")["cards"] == []
    assert context("/products/")["page"].total == 0
    assert Client().get(mug.get_absolute_url()).status_code == 404


def test_pictures_that_are_not_there_yet_are_not_shown() -> None:
    product = VariantFactory.create().product
    ProductImage.objects.create(product=product, source_url="https://cdn.example.com/1.jpg")
    page = context(product.get_absolute_url())
    assert (page["images"], page["image"]) == ([], None)


def test_a_product_without_variants_on_sale_is_shown_as_sold_out(mug: Any, media: None) -> None:
    mug.variants.update(is_active=False)
    page = context(mug.get_absolute_url())
    assert (page["selected"], page["available"], page["axes"]) == (None, 0, [])
    assert Client().get(f"/api/products/{mug.public_id}").json()["data"]["variants"] == []


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/", 11),
        ("/products/", 18),
        ("/products/?attr.color=Teal&brand=ossery&inStock=true", 20),
        ("/category/table/", 21),
        ("/search/?q=mug", 20),
        ("/products/harbour-mug/", 20),
        ("/api/products", 7),
        ("/api/products/search?q=mug", 9),
        ("/api/products/category/table", 8),
    ],
)
def test_queries_do_not_grow_with_the_rows(
    path: str, queries: int, mug: Any, media: None, django_assert_num_queries: Any
) -> None:
    client = Client()
    for number in range(12):
        if number in {2, 11}:
            with django_assert_num_queries(queries):
                assert client.get(path).status_code == 200
        draft = ProductDraft(
            name=f"Mug {number}", category="Mugs", brand=f"Brand {number}", attributes={"material": f"M {number}"},
            images=[stored(f"{number}.webp")],
            variants=[VariantDraft(f"N-{number}-{size}", 2000, 2500, 1, options={"size": size}) for size in ("S", "L")],
        )  # fmt: skip
        create_product(draft, actor="test")
