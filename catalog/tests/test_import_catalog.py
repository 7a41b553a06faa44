import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from PIL import Image

from catalog.images import MAX_BYTES
from catalog.imports.importer import BATCH
from catalog.models import Attribute, Brand, Category, ImportedRow, Product, ProductImage, Variant
from catalog.operations import withdraw_product
from catalog.schemas import ProductBody
from catalog.tests.factories import ProductFactory, TaxClassFactory, VariantFactory
from catalog.tests.snapshots import everything
from inventory import operations as inventory
from inventory.models import StockItem, StockMovement
from shop.models import OutboxEvent
from tests.stack import with_database

pytestmark = pytest.mark.django_db

MUG: dict[str, Any] = {
    "name": "Harbour mug",
    "description": "Holds 330 ml.",
    "price": 24.5,
    "category": "Table > Mugs",
    "brand": "Ossery",
    "sku": "MUG-1",
    "stock": 3,
    "attributes": {"material": "Stoneware", "height": 8.6, "dishwasher_safe": True},
}
LAMP: dict[str, Any] = {
    "name": "Heron lamp",
    "price": 189,
    "category": "Light",
    "variants": [
        {"sku": "LAMP-S", "stock": 2, "options": {"size": "S"}},
        {"sku": "LAMP-L", "stock": 0, "options": {"size": "L"}, "price": 209, "compareAtPrice": 250},
    ],
}


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    TaxClassFactory()
    TaxClassFactory(code="reduced", name="Reduced")


@pytest.fixture
def load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Imports rows and returns the summary; with `fails`, the errors on stderr."""

    def run(*rows: dict[str, Any], fails: bool = False, **options: Any) -> str:
        path = tmp_path / "rows.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in rows))
        return run_file(path, fails=fails, **options)

    def run_file(path: Path, *, fails: bool = False, **options: Any) -> str:
        summary = io.StringIO()
        try:
            call_command("import_catalog", path, stdout=summary, **options)
        except SystemExit as stop:
            assert fails, capsys.readouterr().err
            assert stop.code == 1
            return summary.getvalue() + capsys.readouterr().err
        assert not fails
        return summary.getvalue()

    run.file = run_file  # type: ignore[attr-defined]
    return run


def picture(path: Path, colour: str = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 20), colour).save(path)
    return path


# --- What is stored


def test_a_row_becomes_a_product_with_category_brand_and_stock(load: Callable[..., str]) -> None:
    assert load(MUG, LAMP) == "2 created, 0 changed, 0 unchanged, 0 failed\n"
    mug = Product.objects.get(name="Harbour mug")
    assert (mug.category.url_path, mug.brand and mug.brand.name, mug.price_minor) == ("table/mugs", "Ossery", 2450)
    assert mug.attributes == {"material": "Stoneware", "height": 8.6, "dishwasher_safe": True}
    lamp = Product.objects.get(name="Heron lamp")
    assert list(lamp.variants.values_list("sku", "price_minor", "compare_at_minor", "options")) == [
        ("LAMP-S", 18900, None, {"size": "S"}),
        ("LAMP-L", 20900, 25000, {"size": "L"}),
    ]
    assert StockItem.objects.available_by_sku(["MUG-1", "LAMP-S", "LAMP-L"]) == {"MUG-1": 3, "LAMP-S": 2, "LAMP-L": 0}
    assert set(OutboxEvent.objects.values_list("topic", flat=True)) == {"product.created"}


CSV = """\
sku;name;price;stock;category;brand;description;attributes.material;attributes.height;attributes.dishwasher_safe
MUG-1;Harbour mug;24.50;3;Table > Mugs;Ossery;Holds 330 ml.;Stoneware;8.6;yes
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mugs.jsonl", json.dumps(MUG)),
        ("mugs.jsonl.gz", json.dumps(MUG)),
        ("mugs.json", json.dumps([MUG])),
        ("mugs.json", json.dumps({"products": [MUG]})),
        ("mugs.json.gz", json.dumps({"products": [MUG]})),
        ("mugs.csv", CSV),
        ("mugs.csv.gz", CSV.replace(";", ",")),
    ],
)
def test_every_format_is_the_same_product(load: Any, tmp_path: Path, name: str, content: str) -> None:
    Attribute.objects.create(code="height", name="Height", kind="number", unit="cm")
    Attribute.objects.create(code="dishwasher_safe", name="Dishwasher safe", kind="boolean")
    load(MUG)
    ImportedRow.objects.all().delete()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    before = everything()
    assert load.file(path) == "0 created, 0 changed, 1 unchanged, 0 failed\n"
    after = everything()
    assert [table for table in before if before[table] != after[table]] == ["catalog_importedrow"]


def test_variants_in_csv(load: Any, tmp_path: Path) -> None:
    path = tmp_path / "lamp.csv"
    path.write_text(
        "name,price,category,variants.0.sku,variants.0.options.size,variants.0.stock,variants.1.sku,variants.1.options.size"
        "\nHeron lamp,189,Light,LAMP-S,38,2,LAMP-L,40\n"
    )
    assert load.file(path).startswith("1 created")
    assert list(Variant.objects.values_list("sku", "options")) == [
        ("LAMP-S", {"size": "38"}),
        ("LAMP-L", {"size": "40"}),
    ]


def test_a_map_translates_the_names_of_the_file(load: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    fields = {"sku": "id", "stock": "current_stock", "attributes.style": "style", "images": ["photo"]}
    path.write_text(json.dumps({"fields": fields, "defaults": {"brand": "House"}, "ignore": ["promoted"]}))
    picture(tmp_path / "photos/a.png")
    row = {"id": 12, "name": "Mug", "price": 9.99, "category": "Table", "current_stock": 4, "style": "plain"}
    load({**row, "photo": "a.png", "promoted": True}, map=path, images=tmp_path / "photos")
    product = Product.objects.get()
    assert product.brand == Brand.objects.get(name="House")
    assert product.attributes == {"style": "plain"}
    assert product.variants.get().sku == "12"
    assert product.images.get().state == ProductImage.State.READY


# --- The second time


def test_a_second_run_changes_nothing_anywhere(load: Callable[..., str], tmp_path: Path) -> None:
    picture(tmp_path / "photos/a.png")
    rows = [{**MUG, "images": ["a.png", "https://example.com/b.jpg"], "imageAlts": ["A mug"]}, LAMP]
    load(*rows, images=tmp_path / "photos")
    before = everything()
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "media").rglob("*")}
    assert load(*rows, images=tmp_path / "photos") == "0 created, 0 changed, 2 unchanged, 0 failed\n"
    assert everything() == before
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "media").rglob("*")} == files
    assert all(before[table] for table in ("catalog_product", "inventory_stockmovement", "shop_outboxevent"))


def test_without_its_memory_an_import_still_changes_nothing_in_the_shop(
    load: Callable[..., str], tmp_path: Path
) -> None:
    picture(tmp_path / "photos/a.png")
    picture(tmp_path / "photos/b.png", "blue")
    shown = {**LAMP, "images": ["a.png", "b.png"], "imageAlts": ["A", "B"]}
    shown["variants"] = [{**variant, "images": ["b.png"]} for variant in LAMP["variants"]]
    rows = [{**MUG, "images": ["a.png", "https://example.com/b.jpg"]}, shown]
    load(*rows, images=tmp_path / "photos")
    ImportedRow.objects.all().delete()
    before = everything()
    assert load(*rows, images=tmp_path / "photos") == "0 created, 0 changed, 2 unchanged, 0 failed\n"
    after = everything()
    assert [table for table in before if before[table] != after[table]] == ["catalog_importedrow"]


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"name": "Harbour cup"}, "name", "Harbour cup"),
        ({"description": "New."}, "description", "New."),
        ({"price": 25}, "price_minor", 2500),
        ({"attributes": {"height": 9}}, "attributes", {"height": 9}),
        ({"isActive": False}, "is_active", False),
        ({"brand": "Other"}, "brand__name", "Other"),
        ({"category": "Kitchen"}, "category__name", "Kitchen"),
        ({"taxClass": "reduced"}, "tax_class__code", "reduced"),
        ({"compareAtPrice": 30}, "variants__compare_at_minor", 3000),
        ({"weightGrams": 380}, "variants__weight_grams", 380),
        ({"barcode": "2000000410371"}, "variants__barcode", "2000000410371"),
        ({"images": ["https://example.com/a.jpg"]}, "images__source_url", "https://example.com/a.jpg"),
    ],
)
def test_what_differs_is_changed_and_nothing_else(
    load: Callable[..., str], change: dict[str, Any], field: str, value: Any
) -> None:
    load(MUG, LAMP)
    movements = StockMovement.objects.count()
    assert load(MUG | change, LAMP) == "0 created, 1 changed, 1 unchanged, 0 failed\n"
    assert Product.objects.filter(name__startswith="Harbour").values_list(field, "version").get() == (value, 2)
    assert Product.objects.get(name="Heron lamp").version == 1
    assert StockMovement.objects.count() == movements


def test_what_a_row_does_not_name_stays(load: Callable[..., str]) -> None:
    load(MUG | {"images": ["https://example.com/a.jpg"], "weightGrams": 380, "compareAtPrice": 30})
    withdraw_product(Product.objects.get(), actor="staff")
    load({name: MUG[name] for name in ("sku", "name", "category")} | {"price": 40})
    product = Product.objects.get()
    assert not product.is_active
    assert (product.description, product.brand and product.brand.name) == ("Holds 330 ml.", "Ossery")
    assert product.images.count() == 1
    variant = product.variants.get()
    assert (variant.weight_grams, variant.price_minor, variant.compare_at_minor) == (380, 4000, None)


def test_variants_are_replaced_by_sku_and_missing_ones_leave_the_shop(load: Callable[..., str]) -> None:
    load(LAMP)
    small = LAMP["variants"][0]
    fresh = {"sku": "LAMP-M", "stock": 7, "options": {"size": "M"}}
    assert load(LAMP | {"variants": [small, fresh]}).startswith("0 created, 1 changed")
    on_sale = Variant.objects.filter(is_active=True)
    assert list(on_sale.values_list("sku", flat=True)) == ["LAMP-S", "LAMP-M"]
    assert not Variant.objects.get(sku="LAMP-L").is_active
    assert StockItem.objects.available_by_sku(["LAMP-M"]) == {"LAMP-M": 7}


def test_a_row_without_variants_leaves_those_that_staff_added(load: Callable[..., str]) -> None:
    load(MUG)
    VariantFactory(product=Product.objects.get(), sku="MUG-2", options={"size": "L"})
    load(MUG | {"price": 30})
    assert dict(Variant.objects.filter(is_active=True).values_list("sku", "price_minor")) == {
        "MUG-1": 3000,
        "MUG-2": 2400,
    }


# --- Stock


def sell(sku: str, quantity: int) -> None:
    with transaction.atomic():
        inventory.allocate("cart:x", "order:x", {sku: quantity}, until=None)
        inventory.ship("order:x", actor="staff")


def test_a_file_that_says_the_same_does_not_undo_what_was_sold(load: Callable[..., str]) -> None:
    load(MUG)
    sell("MUG-1", 2)
    load(MUG)
    load(MUG | {"price": 25})
    assert StockItem.objects.available_by_sku(["MUG-1"]) == {"MUG-1": 1}
    assert load(MUG | {"price": 25, "stock": 10}) == "0 created, 1 changed, 0 unchanged, 0 failed\n"
    assert StockItem.objects.available_by_sku(["MUG-1"]) == {"MUG-1": 10}
    assert Product.objects.get().version == 2


def test_a_row_without_stock_leaves_it_alone(load: Callable[..., str]) -> None:
    load(MUG)
    load({name: value for name, value in MUG.items() if name != "stock"})
    assert StockItem.objects.available_by_sku(["MUG-1"]) == {"MUG-1": 3}


def test_a_product_made_by_hand_gets_the_stock_of_the_file(load: Callable[..., str]) -> None:
    VariantFactory(sku="MUG-1", stock=5, product=ProductFactory(name="Old mug"))
    assert load(MUG).startswith("0 created, 1 changed")
    assert StockItem.objects.available_by_sku(["MUG-1"]) == {"MUG-1": 3}
    assert Product.objects.get().name == "Harbour mug"


def test_stock_that_can_not_be_set_fails_its_row_and_is_tried_again(load: Callable[..., str]) -> None:
    load(MUG)
    StockItem.objects.update(backorder_limit=5)
    assert "MUG-1" in load(MUG | {"stock": 1}, LAMP, fails=True)
    StockItem.objects.update(backorder_limit=0)
    assert load(MUG | {"stock": 1}, LAMP) == "0 created, 1 changed, 1 unchanged, 0 failed\n"


# --- Rows that fail

BAD: list[tuple[Any, str]] = [
    ({"price": "=1+1"}, "price"),
    ({"price": -1}, "price"),
    ({"price": 1.005}, "price"),
    ({"price": None, "variants": None}, "price"),
    ({"stock": -3}, "stock"),
    ({"stock": "3"}, "stock"),
    ({"stock": 1.5}, "stock"),
    ({"name": ""}, "name"),
    ({"name": "a\u0000b"}, "row"),
    ({"category": ""}, "category"),
    ({"sku": ""}, "sku"),
    ({"sku": 7}, "sku"),
    ({"sku": "=cmd|' /C calc'!A0"}, "sku"),
    ({"colour": "red"}, "colour"),
    ({"attributes": {"a": {"b": 1}}}, "attributes.a"),
    ({"taxClass": "none"}, "taxClass"),
    ({"compareAtPrice": 1}, "compareAtPrice"),
    ({"images": ["a.png"]}, "images.0"),
    ({"images": ["http://127.0.0.1/a.png"]}, "images.0"),
    ({"images": "a.png"}, "images"),
    ({"variants": []}, "variants"),
    ({"variants": "x"}, "variants"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
def test_a_bad_row_costs_only_itself(load: Callable[..., str], tmp_path: Path, change: Any, field: str) -> None:
    errors = tmp_path / "errors.jsonl"
    said = load(LAMP, MUG | change, {**MUG, "sku": "MUG-9"}, fails=True, errors=errors)
    assert said.startswith("2 created, 0 changed, 0 unchanged, 1 failed\n")
    (problem,) = [json.loads(line) for line in errors.read_text().splitlines()]
    assert problem["row"] == 2
    assert any(name.endswith(field) for name in problem["fields"]), problem
    assert f"row 2 {problem['sku']}: " in said
    assert set(Variant.objects.values_list("sku", flat=True)) == {"LAMP-S", "LAMP-L", "MUG-9"}
    assert set(ImportedRow.objects.values_list("sku", flat=True)) == {"LAMP-S", "MUG-9"}


def test_formulas_are_text_where_text_belongs(load: Callable[..., str]) -> None:
    load(MUG | {"name": "=1+1", "attributes": {"note": "@SUM(A1)"}})
    assert Product.objects.values_list("name", "attributes").get() == ("=1+1", {"note": "@SUM(A1)"})


def test_a_sku_that_comes_twice_or_belongs_to_another_product_fails(load: Callable[..., str]) -> None:
    said = load(
        LAMP,
        MUG,
        MUG | {"name": "Copy"},
        MUG | {"sku": "LAMP-L", "variants": [{"sku": "X"}, {"sku": "LAMP-L"}]},
        fails=True,
    )
    assert "row 3 : sku: Row 2 has the same SKU." in said
    assert "row 4 X: " in said
    assert Product.objects.count() == 2


def test_what_a_file_says_does_not_steer_the_terminal(load: Callable[..., str]) -> None:
    assert "\x1b" not in load(MUG | {"\x1b[2J": 1}, MUG | {"sku": "[red]\x1b]0;x\x07"}, fails=True)


def test_a_file_that_is_cut_off_is_imported_up_to_there(load: Any, tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(gzip.compress((json.dumps(MUG) + "\n" + json.dumps(LAMP) + "\n").encode())[:-4])
    assert "2 created, 0 changed, 0 unchanged, 1 failed" in load.file(path, fails=True)


def test_unusable_arguments_are_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").touch()
    (tmp_path / "a.jsonl").touch()
    (tmp_path / "map.json").write_text("{")
    for arguments in (
        {"file": tmp_path / "a.xlsx"},
        {"file": tmp_path / "absent.jsonl"},
        {"file": tmp_path / "a.jsonl", "map": tmp_path / "map.json"},
        {"file": tmp_path / "a.jsonl", "map": tmp_path / "absent.json"},
        {"file": tmp_path / "a.jsonl", "images": tmp_path / "absent"},
    ):
        with pytest.raises(CommandError):
            call_command("import_catalog", arguments.pop("file"), **arguments)


# --- Pictures


def test_pictures_of_the_folder_are_stored_once_and_shown_by_their_variants(load: Any, tmp_path: Path) -> None:
    picture(tmp_path / "photos/a.png")
    picture(tmp_path / "photos/sub/b ü.png", "blue")
    rows = [
        MUG | {"images": ["a.png"], "imageAlts": ["A mug"]},
        LAMP | {"images": ["a.png", "sub/b ü.png"], "variants": [LAMP["variants"][0] | {"images": ["sub/b ü.png"]}]},
    ]
    load(*rows, images=tmp_path / "photos")
    assert len(default_storage.listdir("pictures")[1]) == 2
    mug, plain, blue = ProductImage.objects.order_by("product_id", "position")
    assert (mug.alt, mug.state, mug.width, mug.height, len(mug.digest)) == ("A mug", "ready", 40, 20, 64)
    assert mug.file.name == plain.file.name != blue.file.name
    assert blue.variant and blue.variant.sku == "LAMP-S"
    assert not OutboxEvent.objects.filter(topic="image.added").exists()


def test_a_new_picture_under_an_old_name_is_a_change(load: Callable[..., str], tmp_path: Path) -> None:
    path = picture(tmp_path / "photos/a.png")
    load(MUG | {"images": ["a.png"]}, images=path.parent)
    old = ProductImage.objects.get().digest
    picture(path, "green")
    assert load(MUG | {"images": ["a.png"]}, images=path.parent).startswith("0 created, 1 changed")
    assert ProductImage.objects.get().digest != old


def test_pictures_change_the_variant_that_they_show(load: Callable[..., str], tmp_path: Path) -> None:
    picture(tmp_path / "photos/a.png")
    picture(tmp_path / "photos/b.png", "blue")
    for small, large in (("a.png", "b.png"), ("b.png", "a.png")):
        variants = [LAMP["variants"][0] | {"images": [small]}, LAMP["variants"][1] | {"images": [large]}]
        load(LAMP | {"images": ["a.png", "b.png"], "variants": variants}, images=tmp_path / "photos")
        red, blue = ProductImage.objects.order_by("position")
        assert [red.variant and red.variant.sku, blue.variant and blue.variant.sku] == (
            ["LAMP-S", "LAMP-L"] if small == "a.png" else ["LAMP-L", "LAMP-S"]
        )


def test_a_row_without_variants_leaves_what_staff_said_a_picture_shows(load: Callable[..., str]) -> None:
    load(MUG | {"images": ["https://example.com/a.jpg"]})
    variant = Variant.objects.get()
    ProductImage.objects.update(variant=variant)
    load(MUG | {"images": ["https://example.com/a.jpg"], "price": 25})
    assert ProductImage.objects.get().variant == variant


def test_pictures_by_address_wait_for_the_worker(load: Callable[..., str], tmp_path: Path) -> None:
    load(MUG | {"images": ["https://example.com/a.jpg"]}, images=tmp_path)
    image = ProductImage.objects.get()
    assert (image.state, image.file.name) == ("pending", "")
    assert OutboxEvent.objects.get(topic="image.added").payload == {"image_id": image.pk}


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "/etc/hostname", "sub/../../secret.png", "link.png", "folder.png", "absent.png", "", ".",
     "pipe.png", "evil.svg", "text.png", "%2e%2e/secret.png", "file:///etc/hostname", "..\\secret.png",
     "https:/local.invalid/a", "x" * 5000, "circle.png", "huge.png"],
)  # fmt: skip
def test_what_is_no_picture_of_the_folder_is_refused(load: Callable[..., str], tmp_path: Path, name: str) -> None:
    photos = picture(tmp_path / "photos/good.png").parent
    picture(tmp_path / "secret.png")
    (photos / "link.png").symlink_to(tmp_path / "secret.png")
    (photos / "folder.png").mkdir()
    (photos / "circle.png").symlink_to(photos / "circle.png")
    with (photos / "huge.png").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    os.mkfifo(photos / "pipe.png")
    (photos / "evil.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    (photos / "text.png").write_text("hello")
    said = load(MUG | {"images": ["good.png", name]}, fails=True, images=photos)
    assert "images" in said
    assert not Product.objects.exists()


# --- Killed


@pytest.mark.django_db(transaction=True)
def test_a_killed_import_goes_on_where_it_stopped(load: Callable[..., str], tmp_path: Path) -> None:
    rows = [MUG | {"sku": f"MUG-{number}", "name": f"Mug {number}"} for number in range(BATCH * 3)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    url = with_database(os.environ["DATABASE_URL"], connection.settings_dict["NAME"])
    process = subprocess.Popen(
        [sys.executable, "manage.py", "import_catalog", str(path)],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not ImportedRow.objects.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = Product.objects.count()
    assert 0 < done < len(rows), "killed too early or too late to prove anything"
    assert done == ImportedRow.objects.count() == StockMovement.objects.count()
    assert load(*rows) == f"{len(rows) - done} created, 0 changed, {done} unchanged, 0 failed\n"
    assert Product.objects.count() == StockMovement.objects.count() == len(rows)
    assert Category.objects.count() == 2


def test_a_row_is_accepted_exactly_when_the_api_would_accept_it(load: Callable[..., str]) -> None:
    """The schema is the API's own; a Decimal and a float of the same number are the same price."""
    body = ProductBody.model_validate({**MUG, "price": Decimal("24.50")})
    load(MUG)
    assert Product.objects.get().price_minor == body.draft().variants[0].price_minor
