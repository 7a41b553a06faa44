from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from catalog.models import Attribute, Product, ProductImage, Variant
from catalog.operations import make_category
from inventory import operations as inventory
from inventory.models import StockItem, StockMovement
from shop.models import OutboxEvent

from .conftest import Send
from .factories import CategoryFactory, ProductFactory, VariantFactory

pytestmark = pytest.mark.django_db

HEADPHONES: dict[str, Any] = {
    "name": "Wireless Headphones",
    "description": "High-quality wireless headphones with noise cancellation",
    "price": 199.99,
    "category": "Electronics",
    "brand": "TechBrand",
    "sku": "WH-001",
    "stock": 100,
    "images": ["https://cdn.example.com/headphones1.jpg"],
    "attributes": {"color": "Black", "weight": "250g", "battery": "30 hours"},
}
MUG: dict[str, Any] = {
    "name": "Harbour mug",
    "category": "Electronics",
    "price": 24,
    "images": ["https://cdn.example.com/teal.jpg", "https://cdn.example.com/clay.jpg"],
    "variants": [
        {"sku": "MUG-T", "stock": 5, "options": {"color": "Teal"}, "images": ["https://cdn.example.com/teal.jpg"]},
        {"sku": "MUG-C", "stock": 3, "price": 22, "compareAtPrice": 26.5, "options": {"color": "Clay"}},
    ],
}


@pytest.fixture(autouse=True)
def electronics() -> None:
    CategoryFactory(name="Electronics")


def created(send: Send, body: dict[str, Any]) -> dict[str, Any]:
    response = send("post", "/api/products", body)
    assert response.status_code == 201, response.content
    return response.json()["data"]


# --- The specification's example


def test_the_specifications_example_answers_its_own_values(send: Send) -> None:
    response = send("post", "/api/products", HEADPHONES)
    assert response.status_code == 201
    answer = response.json()
    assert answer["success"] is True
    assert {name: answer["data"][name] for name in HEADPHONES} == HEADPHONES
    assert answer["data"]["productId"].startswith("prod_")
    assert datetime.fromisoformat(answer["data"]["createdAt"]).tzinfo
    assert b'"price": 199.99,' in response.content


def test_what_was_created_is_read_by_anybody(send: Send, anonymous: Send) -> None:
    data = created(send, HEADPHONES)
    read = anonymous("get", f"/api/products/{data['productId']}").json()["data"]
    assert read["priceMinor"] == 19999
    assert read["currency"] == "EUR"
    assert read["inventory"] == {"quantity": 100, "reserved": 0, "available": 100, "lowStockThreshold": 10}
    assert read["categoryPath"] == "electronics"
    assert read["isActive"] is True
    assert {**read, "createdAt": 0, "updatedAt": 0} == {**data, "createdAt": 0, "updatedAt": 0}


def test_creating_receives_the_stock_and_tells_of_product_and_picture(send: Send) -> None:
    created(send, HEADPHONES)
    movement = StockMovement.objects.get(sku="WH-001")
    assert (movement.kind, movement.quantity) == (StockMovement.Kind.RECEIPT, 100)
    assert set(OutboxEvent.objects.values_list("topic", flat=True)) == {"product.created", "image.added"}
    assert ProductImage.objects.get().state == ProductImage.State.PENDING


def test_variants(send: Send) -> None:
    data = created(send, MUG)
    assert (data["price"], data["compareAtPrice"], data["stock"], data["sku"]) == (22.0, 26.5, 8, "MUG-T")
    teal, clay = data["variants"]
    assert (teal["price"], teal["stock"], teal["options"]) == (24.0, 5, {"color": "Teal"})
    assert teal["images"] == ["https://cdn.example.com/teal.jpg"]
    assert (clay["price"], clay["stock"], clay["images"]) == (22.0, 3, [])
    assert data["images"] == MUG["images"]
    assert ProductImage.objects.count() == 2


@pytest.mark.parametrize("category", ["Table > Mugs", "table/mugs", "Mugs", "mugs", "MUGS", "id"])
def test_a_category_is_meant_by_id_path_slug_or_name(send: Send, category: str) -> None:
    mugs = make_category(["Table", "Mugs"])
    data = created(send, HEADPHONES | {"category": mugs.public_id if category == "id" else category})
    assert (data["category"], data["categoryPath"], data["categoryId"]) == ("Mugs", "table/mugs", mugs.public_id)


def test_an_ambiguous_category_is_refused_with_the_choices(send: Send) -> None:
    make_category(["Table", "Mugs"])
    make_category(["Gifts", "Mugs"])
    response = send("post", "/api/products", HEADPHONES | {"category": "Mugs"})
    assert response.status_code == 400
    assert "table/mugs" in response.json()["fields"]["category"][0]
    assert Product.objects.count() == 0


def test_the_same_name_gets_an_address_of_its_own(send: Send) -> None:
    first = created(send, HEADPHONES)
    second = created(send, HEADPHONES | {"sku": "WH-002"})
    assert first["slug"] == "wireless-headphones"
    assert second["slug"].startswith("wireless-headphones-")


def test_html_is_kept_as_it_is_written(send: Send, anonymous: Send) -> None:
    data = created(send, HEADPHONES | {"name": "<script>alert(1)</script>"})
    assert data["name"] == "<script>alert(1)</script>"
    page = anonymous("get", Product.objects.get().get_absolute_url()).content
    assert b"<script>alert" not in page
    assert b"&lt;script&gt;alert" in page


# --- Who may


@pytest.mark.parametrize(
    ("method", "permission"),
    [("post", "catalog.add_product"), ("put", "catalog.change_product"), ("delete", "catalog.delete_product")],
)
def test_writing_needs_staff_with_the_permission(
    method: str, permission: str, send: Send, send_as: Callable[..., Send], anonymous: Send
) -> None:
    product_id = created(send, HEADPHONES)["productId"]
    path = "/api/products" if method == "post" else f"/api/products/{product_id}"
    body = None if method == "delete" else HEADPHONES | {"sku": "WH-001" if method == "put" else "WH-9"}
    assert anonymous(method, path, body).status_code == 401
    assert send_as(permission, is_staff=False)(method, path, body).status_code == 403
    others = {"catalog.add_product", "catalog.change_product", "catalog.delete_product"} - {permission}
    assert send_as(*sorted(others))(method, path, body).status_code == 403
    assert Product.objects.get().version == 1
    assert send_as(permission)(method, path, body).status_code in {200, 201}


# --- Bad input


BAD = [
    ({"name": ""}, "name"),
    ({"name": None}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"name": "two\nlines"}, "name"),
    ({"name": 7}, "name"),
    ({"description": "x" * 20_001}, "description"),
    ({"category": "Nowhere"}, "category"),
    ({"category": "x" * 501}, "category"),
    ({"price": -1}, "price"),
    ({"price": 0.001}, "price"),
    ({"price": "199.99 "}, "price"),
    ({"price": "199.99"}, "price"),
    ({"price": 1e308}, "price"),
    ({"price": 10**9}, "price"),
    ({"price": True}, "price"),
    ({"price": None}, "price"),
    ({"price": [1]}, "price"),
    ({"compareAtPrice": 199.99}, "variants.0.compareAtPrice"),
    ({"stock": -5}, "stock"),
    ({"stock": 1.5}, "stock"),
    ({"stock": "5"}, "stock"),
    ({"stock": True}, "stock"),
    ({"stock": 2**63}, "stock"),
    ({"sku": ""}, "sku"),
    ({"sku": "has space"}, "sku"),
    ({"sku": "x" * 65}, "sku"),
    ({"sku": None}, "sku"),
    ({"barcode": "12a"}, "barcode"),
    ({"taxClass": "nothing"}, "taxClass"),
    ({"isActive": "yes"}, "isActive"),
    ({"unheardOf": 1}, "unheardOf"),
    ({"productId": "prod_1"}, "productId"),
    ({"attributes": {"color": {"deep": 1}}}, "attributes.color"),
    ({"attributes": {"color": None}}, "attributes.color"),
    ({"attributes": {"color": "x" * 501}}, "attributes.color"),
    ({"attributes": {"weight": 1e300}}, "attributes.weight"),
    ({"attributes": {f"a{n}": 1 for n in range(101)}}, "attributes"),
    ({"attributes": []}, "attributes"),
    ({"images": "https://cdn.example.com/1.jpg"}, "images"),
    ({"images": ["https://cdn.example.com/1.jpg"] * 51}, "images"),
    ({"variants": []}, "variants"),
    ({"variants": [{"sku": "A", "price": 1}]}, "sku"),
    ({"sku": None, "stock": None, "variants": [{"sku": "A"}, {"sku": "A"}]}, "variants.1.sku"),
    (
        {"sku": None, "stock": None, "variants": [{"sku": "A"}, {"sku": "B"}]},
        "variants.1.options",
    ),
    ({"variants": [{"sku": "A", "price": -1}]}, "variants.0.price"),
    ({"variants": [{"sku": "A", "unheardOf": 1}]}, "variants.0.unheardOf"),
    ({"variants": [{"sku": f"A-{n}"} for n in range(101)]}, "variants"),
]


@pytest.mark.parametrize(("change", "field"), BAD, ids=lambda value: str(value)[:40])
def test_bad_input_is_400_and_names_the_field(send: Send, change: dict[str, Any], field: str) -> None:
    response = send("post", "/api/products", HEADPHONES | change)
    assert response.status_code == 400, response.content
    assert any(name == field or name.startswith(f"{field}.") for name in response.json()["fields"]), response.json()
    assert Product.objects.count() == 0


@pytest.mark.parametrize("name", sorted({"name", "category", "price", "sku"}))
def test_a_missing_field_is_named(send: Send, name: str) -> None:
    response = send("post", "/api/products", {key: value for key, value in HEADPHONES.items() if key != name})
    assert response.status_code == 400
    assert list(response.json()["fields"]) == [name]


@pytest.mark.parametrize(
    "code", ["Color", "with space", "a.b", "", "x" * 65, "__proto__.x", "a\nb", "farbe-ä", "$where"]
)
def test_attribute_codes_are_small_letters_digits_dashes(send: Send, code: str) -> None:
    assert send("post", "/api/products", HEADPHONES | {"attributes": {code: "x"}}).status_code == 400
    assert Product.objects.count() == 0


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://cdn.example.com/1.jpg",
        "javascript:alert(1)",
        "//cdn.example.com/1.jpg",
        "1.jpg",
        "http://",
        "http://127.0.0.1/1.jpg",
        "http://127.1/1.jpg",
        "http://2130706433/1.jpg",
        "http://0x7f.0.0.1/1.jpg",
        "http://0/1.jpg",
        "http://localhost/1.jpg",
        "http://localhost./1.jpg",
        "http://shop.localhost/1.jpg",
        "http://database/1.jpg",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/1.jpg",
        "http://192.168.0.1:8000/1.jpg",
        "http://[::1]/1.jpg",
        "http://[::ffff:127.0.0.1]/1.jpg",
        "http://[fe80::1%25eth0]/1.jpg",
        "http://[",
        "http://user:word@cdn.example.com/1.jpg",
        "http://cdn.example.com:99999/1.jpg",
        "http://cdn.example.com/a b.jpg",
        "http://cdn.example.com\\@127.0.0.1/",
        "http://cdn.example.com/" + "x" * 1000,
    ],
)
def test_pictures_come_from_public_web_addresses_only(send: Send, url: str) -> None:
    response = send("post", "/api/products", HEADPHONES | {"images": [url]})
    assert response.status_code == 400
    assert "images.0" in response.json()["fields"]
    assert ProductImage.objects.count() == 0


def test_our_own_media_address_is_no_picture_of_a_new_product(send: Send, settings: Any) -> None:
    url = f"{settings.SHOP_BASE_URL}{settings.MEDIA_URL}../secret"
    assert send("post", "/api/products", HEADPHONES | {"images": [url]}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '{"name": "a", "name": "b"}',
        '{"price": NaN}',
        '{"price": Infinity}',
        '{"name": "\\u0000"}',
        '{"name": "\\ud800"}',
        b'{"name": "\xff"}',
        '{"attributes": ' + '{"a":' * 1000 + "1" + "}" * 1000 + "}",
        '{"attributes": ' + "[" * 100_000,
        '{"price": 1e400}',
        '{"price": 1e999999999}',
        '{"price": -0.0, "name": 1}',
        '{"attributes": {"weight": 1e999999999}}',
    ],
    ids=lambda body: str(body)[:30],
)
def test_what_is_not_proper_json_is_400(send: Send, body: str | bytes) -> None:
    assert send("post", "/api/products", body).status_code == 400
    assert Product.objects.count() == 0


@pytest.mark.parametrize("product_id", ["prod_x", "1", "%00", "..%2f", "x" * 10_000, "ä", "%ff"])
def test_an_unknown_product_is_404(anonymous: Send, product_id: str) -> None:
    response = anonymous("get", f"/api/products/{product_id}")
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


def test_a_sku_that_another_product_has_is_409(send: Send) -> None:
    created(send, HEADPHONES)
    response = send("post", "/api/products", HEADPHONES)
    assert response.status_code == 409
    assert response.json()["code"] == "duplicate_sku"
    assert response.json()["fields"]
    assert Product.objects.count() == 1
    assert StockItem.objects.get(sku="WH-001").on_hand == 100


def test_a_value_must_be_of_its_attributes_kind(send: Send) -> None:
    created(send, HEADPHONES)
    Attribute.objects.filter(code="weight").update(kind=Attribute.Kind.NUMBER)
    Attribute.objects.filter(code="color").update(kind=Attribute.Kind.CHOICE, choices=[{"value": "Black"}])
    body = HEADPHONES | {"sku": "WH-2", "attributes": {"weight": "250g", "color": "Pink", "battery": 3}}
    assert set(send("post", "/api/products", body).json()["fields"]) == {"attributes.weight", "attributes.color"}
    good = created(send, body | {"attributes": {"weight": 250.5, "color": "Black", "battery": True}})
    assert good["attributes"] == {"weight": 250.5, "color": "Black", "battery": True}


def test_an_idempotency_key_creates_once(send: Send) -> None:
    first = send("post", "/api/products", HEADPHONES, Idempotency_Key="k-1")
    again = send("post", "/api/products", HEADPHONES, Idempotency_Key="k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert Product.objects.count() == 1
    assert send("post", "/api/products", MUG, Idempotency_Key="k-1").status_code == 422


# --- PUT


def test_put_replaces_what_it_names(send: Send) -> None:
    data = created(send, HEADPHONES)
    path = f"/api/products/{data['productId']}"
    changed = send("put", path, {"price": 149.5, "attributes": {"color": "Red"}}).json()["data"]
    assert (changed["price"], changed["attributes"]) == (149.5, {"color": "Red"})
    same = ("name", "description", "brand", "sku", "stock", "images", "slug", "category")
    assert {name: changed[name] for name in same} == {name: data[name] for name in same}
    assert Product.objects.get().version == 2


@pytest.mark.parametrize("body", [HEADPHONES, MUG], ids=["simple", "variants"])
def test_a_read_can_be_sent_back(send: Send, body: dict[str, Any]) -> None:
    make_category(["Gifts", "Electronics"])
    data = created(send, body | {"category": "electronics"})
    path = f"/api/products/{data['productId']}"
    assert send("put", path, data).status_code == 200
    again = send("get", path).json()["data"]
    assert {**again, "createdAt": 0, "updatedAt": 0} == {**data, "createdAt": 0, "updatedAt": 0}
    assert StockMovement.objects.count() == len(data["variants"])
    assert ProductImage.objects.count() == len(data["images"])


def test_a_read_sent_back_with_one_change_changes_that(send: Send) -> None:
    data = created(send, HEADPHONES)
    path = f"/api/products/{data['productId']}"
    above = send("put", path, data | {"price": 150, "stock": 7}).json()["data"]
    assert (above["price"], above["variants"][0]["price"], above["stock"]) == (150.0, 150.0, 7)
    above["variants"][0]["price"] = 120
    below = send("put", path, above).json()["data"]
    assert (below["price"], below["variants"][0]["price"], below["stock"]) == (120.0, 120.0, 7)
    below["variants"][0]["price"] = 110
    both = send("put", path, below | {"price": 100})
    assert both.status_code == 400
    assert list(both.json()["fields"]) == ["price"]


def test_put_ignores_what_nobody_may_set(send: Send) -> None:
    data = created(send, HEADPHONES)
    body = {"productId": "prod_other", "createdAt": "x", "inventory": {"reserved": 9}, "rating": 5, "slug": "stolen"}
    changed = send("put", f"/api/products/{data['productId']}", body)
    assert changed.status_code == 200
    assert changed.json()["data"]["slug"] == "wireless-headphones"
    assert send("put", f"/api/products/{data['productId']}", {"id": 1}).status_code == 400


def test_put_stock_sets_what_can_be_bought_by_an_adjustment(send: Send) -> None:
    data = created(send, HEADPHONES)
    changed = send("put", f"/api/products/{data['productId']}", {"stock": 40}).json()["data"]
    assert changed["stock"] == 40
    last = StockMovement.objects.latest("id")
    assert (last.kind, last.quantity) == (StockMovement.Kind.ADJUSTMENT, -60)


@pytest.mark.parametrize("body", [{"name": None}, {"price": None}, {"stock": -1}, {"variants": []}, {"name": ""}])
def test_put_with_bad_values_changes_nothing(send: Send, body: dict[str, Any]) -> None:
    data = created(send, HEADPHONES)
    assert send("put", f"/api/products/{data['productId']}", body).status_code == 400
    assert Product.objects.get().version == 1


def test_a_variant_that_put_leaves_out_is_taken_off_sale_not_deleted(send: Send, anonymous: Send) -> None:
    data = created(send, MUG)
    path = f"/api/products/{data['productId']}"
    rows = [{"sku": "MUG-T"}, {"sku": "MUG-D", "price": 30, "stock": 2, "options": {"color": "Dune"}}]
    changed = send("put", path, {"variants": rows}).json()["data"]
    assert [variant["sku"] for variant in changed["variants"]] == ["MUG-T", "MUG-D"]
    assert (changed["price"], changed["stock"]) == (24.0, 7)
    assert Variant.objects.get(sku="MUG-C").is_active is False
    back = send("put", path, {"variants": [{"sku": "MUG-C"}]}).json()["data"]
    assert [variant["sku"] for variant in back["variants"]] == ["MUG-C"]
    assert back["variants"][0]["stock"] == 3


def test_put_names_the_variant_when_there_are_several(send: Send) -> None:
    data = created(send, MUG)
    response = send("put", f"/api/products/{data['productId']}", {"price": 10})
    assert response.status_code == 400
    assert list(response.json()["fields"]) == ["price"]


def test_put_cannot_take_another_products_sku_or_rename_its_own(send: Send) -> None:
    created(send, HEADPHONES)
    data = created(send, MUG)
    path = f"/api/products/{data['productId']}"
    stolen = send("put", path, {"variants": [{"sku": "MUG-T"}, {"sku": "WH-001", "price": 1, "options": {"a": 1}}]})
    assert stolen.status_code == 409
    assert stolen.json()["fields"] == {"variants.1.sku": ["Another product has this SKU."]}
    simple = Product.objects.get(name="Wireless Headphones").public_id
    assert send("put", f"/api/products/{simple}", {"sku": "WH-NEW"}).status_code == 400


def test_put_below_what_is_promised_is_409(send: Send) -> None:
    variant = VariantFactory.create(stock=2)
    item = StockItem.objects.get(sku=variant.sku)
    inventory.set_rules(item, safety_stock=0, backorder_limit=5, low_stock_threshold=0)
    path = f"/api/products/{variant.product.public_id}"
    response = send("put", path, {"stock": 1, "name": "Never"})
    assert response.status_code == 409
    assert response.json()["code"] == "stock_below_zero"
    assert Product.objects.get(pk=variant.product_id).name != "Never"


def test_put_changes_pictures_and_keeps_those_it_names_again(send: Send) -> None:
    data = created(send, HEADPHONES)
    kept = ProductImage.objects.get()
    new = "https://cdn.example.com/2.jpg"
    changed = send("put", f"/api/products/{data['productId']}", {"images": [new, kept.source_url]}).json()["data"]
    assert changed["images"] == [new, kept.source_url]
    assert ProductImage.objects.get(source_url=kept.source_url).pk == kept.pk
    send("put", f"/api/products/{data['productId']}", {"images": []})
    assert ProductImage.objects.count() == 0


# --- DELETE


def test_delete_withdraws_and_a_second_time_answers_the_same(send: Send, anonymous: Send) -> None:
    data = created(send, HEADPHONES)
    path = f"/api/products/{data['productId']}"
    for _ in range(2):
        response = send("delete", path)
        assert response.status_code == 200
        assert response.json() == {"success": True, "data": {"productId": data["productId"], "isActive": False}}
    assert anonymous("get", path).status_code == 404
    assert anonymous("get", "/api/products").json()["data"] == []
    assert anonymous("get", "/api/products/search?q=wireless").json()["data"] == []
    assert anonymous("get", Product.objects.get().get_absolute_url()).status_code == 404
    assert Variant.objects.get().sku == "WH-001"
    assert send("put", path, {"isActive": True}).status_code == 200
    assert len(anonymous("get", "/api/products/search?q=wireless").json()["data"]) == 1


def test_a_withdrawn_product_is_seen_by_those_who_edit(send: Send, send_as: Callable[..., Send]) -> None:
    product = ProductFactory.create(is_active=False)
    path = f"/api/products/{product.public_id}"
    assert send("get", path).status_code == 200
    assert send_as("catalog.add_product")("get", path).status_code == 404
    assert send("delete", "/api/products/prod_unknown").status_code == 404


def test_a_choice_that_is_none_is_told_what_there_is(client: Client) -> None:
    fields = client.get("/api/products?sortBy=bogus&inStock=maybe").json()["fields"]
    assert fields == {
        "sortBy": ["Must be one of: relevance, newest, price_asc, price_desc, rating_desc, name_asc, name_desc."],
        "inStock": ["Must be one of: true, false."],
    }
