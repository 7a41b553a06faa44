import json
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from catalog.models import Attribute, Category
from catalog.operations import (
    ProductDraft,
    VariantDraft,
    create_product,
    lock_rating,
    refresh_category,
    set_rating,
)
from catalog.search import SearchRequest, get_backend
from inventory import operations as inventory

from .factories import CategoryFactory, VariantFactory

pytestmark = pytest.mark.django_db

ODD = [
    "'", '"', "\\", "%", "_", "*", ":*", "&", "|", "!", "<->", "()", "((((", "a & | b", "!mug", "mug:*&!", ":*&!",
    "mug' OR 1=1 --", "'; DROP TABLE catalog_product; --", "a" * 200, "a " * 100, "(a+)+$" * 30,
    "\u202emug", "mu\u200bg", "\u0301", "\ufeffmug", "ß", "½", "ⅷ", "﷽", "mug\x00",
    "mug\x01", "mug\tmug", "mug\r\nmug", "\U0001f375",
    "日本語", "عربى", "\ud7ff", "-mug", '"harbour mug"', "@@", "to_tsquery('x')", "{{7*7}}", "<b>mug</b>", "0", "1e309",
]  # fmt: skip


def product(name: str, sku: str, category: str = "Table", **values: Any) -> None:
    values = dict[str, Any](price=2000, stock=5, barcode="") | values
    variant = VariantDraft(sku, values.pop("price"), stock=values.pop("stock"), barcode=values.pop("barcode"))
    variants = values.pop("variants", [variant])
    create_product(ProductDraft(name=name, category=category, variants=variants, **values), actor="test")


@pytest.fixture(autouse=True)
def shop(db: None) -> None:
    table = CategoryFactory(name="Table")
    CategoryFactory(name="Mugs", parent=table)
    CategoryFactory(name="Sound")
    product(
        "Harbour mug",
        "",
        "Mugs",
        brand="Ossery",
        description="Thrown on the wheel. Café au lait fits.",
        attributes={"material": "Stoneware", "capacity": "330 ml"},
        variants=[
            VariantDraft("MUG-T-S", 2400, stock=5, options={"color": "Teal", "size": "Small"}),
            VariantDraft("MUG-C-L", 2800, stock=0, options={"color": "Clay", "size": "Large"}),
        ],
    )
    product("Wren headphones", "WH-001", "Sound", brand="Fenn", price=19999, attributes={"color": "Black"})
    product("Mug rack", "RK-7", price=3900, attributes={"material": "Oak"}, barcode="4006381333931")
    product("Oak tray", "TR-1", price=4500, stock=0, attributes={"material": "Oak"}, description="Holds three mugs.")


def names(text: str = "", **values: Any) -> list[str]:
    return found(text, **values)["names"]


def found(text: str = "", **values: Any) -> dict[str, Any]:
    parameters = {"q": text} | {name.replace("_", "."): value for name, value in values.items()}
    answer = Client().get("/api/products/search", parameters).json()
    return answer | {"names": [row["name"] for row in answer["data"]]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("harbour", ["Harbour mug"]),
        ("HARBOUR mug", ["Harbour mug"]),
        ("mugs wheel", ["Harbour mug"]),
        ("harb", ["Harbour mug"]),
        ("mug harb", ["Harbour mug"]),
        ("cafe", ["Harbour mug"]),
        ("ossery", ["Harbour mug"]),
        ("teal", ["Harbour mug"]),
        ("330ml", ["Harbour mug"]),
        ("330 ML stoneware", ["Harbour mug"]),
        ("the headphones", ["Wren headphones"]),
        ("wh-001", ["Wren headphones"]),
        ("WH001", ["Wren headphones"]),
        ("4006381333931", ["Mug rack"]),
        ("sound", ["Wren headphones"]),
        ("zebra", []),
        ("!!!", []),
    ],
)
def test_every_word_must_match(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_names_weigh_more_than_descriptions() -> None:
    assert set(names("mug")) == {"Harbour mug", "Mug rack", "Oak tray"}
    assert names("mug")[-1] == "Oak tray"


def test_the_product_with_that_sku_comes_first() -> None:
    for number in range(3):
        product(f"RK-7 RK-7 RK-7 holder {number}", f"X-{number}", description="RK-7 " * 10)
    assert names("rk-7")[0] == "Mug rack"


@pytest.mark.parametrize(
    ("text", "meant"), [("hedphones", "headphones"), ("wren hedphones", "wren headphones"), ("osery", "ossery")]
)
def test_a_misspelt_word_is_corrected_and_said_so(text: str, meant: str) -> None:
    answer = found(text)
    assert answer["didYouMean"] == meant
    assert len(answer["names"]) == 1


def test_some_of_the_words_when_none_has_all_and_said_so() -> None:
    answer = found("oak headphones")
    assert answer["relaxed"] is True
    assert set(answer["names"]) == {"Wren headphones", "Mug rack", "Oak tray"}
    assert found("oak tray")["relaxed"] is False


def test_sorts() -> None:
    def sorted_by(sort: str) -> list[str]:
        return names(sortBy=sort)

    assert sorted_by("price_asc") == ["Harbour mug", "Mug rack", "Oak tray", "Wren headphones"]
    assert sorted_by("price_desc") == sorted_by("price_asc")[::-1]
    assert sorted_by("name_asc") == ["Harbour mug", "Mug rack", "Oak tray", "Wren headphones"]
    assert sorted_by("name_desc") == sorted_by("name_asc")[::-1]
    assert sorted_by("newest") == ["Oak tray", "Mug rack", "Wren headphones", "Harbour mug"]
    assert names("mug", sortBy="price_desc") == ["Oak tray", "Mug rack", "Harbour mug"]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"category": "table"}, {"Harbour mug", "Mug rack", "Oak tray"}),
        ({"category": "Table > Mugs"}, {"Harbour mug"}),
        ({"brand": "ossery"}, {"Harbour mug"}),
        ({"brand": ["Ossery", "fenn"]}, {"Harbour mug", "Wren headphones"}),
        ({"brand": "unheard-of"}, set()),
        ({"minPrice": "24", "maxPrice": "39.00"}, {"Harbour mug", "Mug rack"}),
        ({"minPrice": "39.01"}, {"Oak tray", "Wren headphones"}),
        ({"inStock": "true"}, {"Harbour mug", "Wren headphones", "Mug rack"}),
        ({"inStock": "false"}, {"Harbour mug", "Wren headphones", "Mug rack", "Oak tray"}),
        ({"attr.material": "Oak"}, {"Mug rack", "Oak tray"}),
        ({"attr.material": ["Oak", "Stoneware"]}, {"Mug rack", "Oak tray", "Harbour mug"}),
        ({"attr.material": "Oak", "inStock": "true"}, {"Mug rack"}),
        ({"attr.color": "Black"}, {"Wren headphones"}),
        ({"attr.color": "Teal", "attr.size": "Small"}, {"Harbour mug"}),
        ({"attr.color": "Teal", "attr.size": "Large"}, set()),
        ({"attr.color": "Clay", "inStock": "true"}, set()),
        ({"attr.color": "Teal", "attr.material": "Stoneware"}, {"Harbour mug"}),
        ({"attr.unheard-of": "x"}, set()),
        ({"q": "mug", "attr.material": "Oak", "maxPrice": "40"}, {"Mug rack"}),
    ],
    ids=str,
)
def test_filters_mean_the_same_on_pages_and_in_json(parameters: dict[str, Any], expected: set[str]) -> None:
    client = Client()
    in_json = client.get("/api/products/search", parameters).json()
    on_page = client.get("/search/", parameters).context["page"]
    listed = client.get("/api/products", parameters).json()
    assert {row["name"] for row in in_json["data"]} == expected
    assert [row["name"] for row in in_json["data"]] == [row["name"] for row in listed["data"]]
    assert [row["name"] for row in in_json["data"]] == [card.product.name for card in on_page]
    assert in_json["pagination"]["total"] == on_page.total == len(expected)


def test_a_category_answers_its_subtree() -> None:
    client = Client()
    assert client.get("/api/products/category/table").json()["pagination"]["total"] == 3
    assert client.get("/api/products/category/table/mugs").json()["pagination"]["total"] == 1
    assert client.get("/api/products/category/table?category=mugs").json()["pagination"]["total"] == 1
    # Another branch does not widen the category whose address this is.
    assert client.get("/api/products/category/table/mugs?category=sound").json()["pagination"]["total"] == 1
    for unknown in ("nowhere", "%2e%2e/table", "cat_x", "%00", "table/nowhere", "x" * 2000):
        assert client.get(f"/api/products/category/{unknown}").status_code == 404, unknown


def test_a_facet_counts_as_if_nothing_were_chosen_in_it() -> None:
    answer = found(facets="true", attr_material="Oak")
    facets = {facet["parameter"]: {row["value"]: row["count"] for row in facet["values"]} for facet in answer["facets"]}
    assert facets["attr.material"] == {"Oak": 2, "Stoneware": 1}
    assert "attr.color" not in facets
    everything = {facet["parameter"]: facet["values"] for facet in found(facets="true")["facets"]}
    assert {row["value"]: row["count"] for row in everything["category"]} == {"table": 3, "sound": 1}
    assert {row["label"]: row["count"] for row in everything["brand"]} == {"Ossery": 1, "Fenn": 1}
    assert {row["value"] for row in everything["attr.color"]} == {"Teal", "Clay", "Black"}
    assert found()["facets"] is None


def test_facets_count_variants_truly() -> None:
    answer = found(facets="true", attr_size="Large")
    colours = next(facet for facet in answer["facets"] if facet["parameter"] == "attr.size")
    assert {row["value"]: row["count"] for row in colours["values"]} == {"Small": 1, "Large": 1}
    page = get_backend().query(SearchRequest(attributes={"size": ["Large"]}, facets=True))
    assert not [facet for facet in page.facets if facet.code == "attr.color"], "only Clay comes in Large"


def test_an_attribute_that_is_not_filterable_has_no_facet() -> None:
    Attribute.objects.filter(code="material").update(is_filterable=False)
    assert "attr.material" not in {facet["parameter"] for facet in found(facets="true")["facets"]}


@pytest.mark.parametrize("text", ODD, ids=lambda text: ascii(text)[:30])
def test_odd_texts_never_break_anything(text: str) -> None:
    client = Client()
    for path in ("/api/products/search", "/search/", "/category/table/"):
        for parameters in (
            {"q": text},
            {"brand": text, "attr.color": text},
            {"q": text, "category": text, "minPrice": text, "sortBy": text, "page": text, "inStock": text, text: text},
        ):
            assert client.get(path, parameters).status_code < 500, (path, parameters)


@pytest.mark.parametrize("text", ["x" * 201, "x" * 10_000])
def test_texts_out_of_bounds_are_400_and_passed_over_on_pages(text: str) -> None:
    response = Client().get("/api/products/search", {"q": text})
    assert response.status_code == 400
    assert list(response.json()["fields"]) == ["q"]
    page = Client().get("/search/", {"q": text})
    assert page.status_code == 200
    assert page.context["form"].errors["q"]


def test_words_of_an_attribute_named_by_digits_are_found() -> None:
    product("Odd one", "ODD-1", attributes={"2024": "best"})
    assert names(attr_2024="best") == ["Odd one"]


def test_a_renamed_category_is_found_by_its_new_name() -> None:
    mugs = Category.objects.get(name="Mugs")
    mugs.name, mugs.slug = "Beakers", "beakers"
    mugs.save()
    refresh_category(mugs)
    mugs.refresh_from_db()
    assert mugs.url_path == "table/beakers"
    assert names("beakers") == ["Harbour mug"]


def test_sold_out_since_a_moment_is_not_in_stock() -> None:
    with transaction.atomic():
        inventory.set_available("RK-7", 0, reason="test", actor="test")
    assert "Mug rack" not in names(inStock="true")


def test_the_description_of_the_api_names_every_parameter() -> None:
    paths = json.loads(Client().get("/api/openapi.json").content)["paths"]
    listed = {parameter["name"] for parameter in paths["/api/products"]["get"]["parameters"]}
    assert listed == {
        "q", "category", "brand", "minPrice", "maxPrice", "minRating", "inStock", "onSale", "sortBy", "limit", "offset",
        "cursor", "attributes", "If-None-Match",
    }  # fmt: skip
    searched = {parameter["name"] for parameter in paths["/api/products/search"]["get"]["parameters"]}
    assert searched == listed | {"facets"}
    by_category = paths["/api/products/category/{category_id}"]["get"]["parameters"]
    assert {parameter["name"] for parameter in by_category} == listed | {"category_id"}


def test_the_best_rated_come_first_and_those_below_the_wish_are_left_out() -> None:
    fine, fair = (VariantFactory.create().product for _ in range(2))
    for rated, average, count in ((fine, "4.50", 2), (fair, "3.99", 90)):
        with transaction.atomic():
            lock_rating(rated)
            set_rating(rated, average=Decimal(average), count=count)
    order = get_backend().query(SearchRequest(sort="rating_desc", size=10)).ids
    assert list(order[:2]) == [fine.pk, fair.pk]
    assert list(get_backend().query(SearchRequest(rating_min=4, size=10)).ids) == [fine.pk]
