import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from accounts.models import User
from accounts.tests.factories import StaffFactory
from catalog.models import Attribute, Brand, Category, Product, ProductImage, Variant
from catalog.operations import apply_sales, make_category
from inventory import operations as inventory
from inventory.models import StockItem, StockMovement
from shop.models import OutboxEvent

from .factories import CategoryFactory, SaleFactory, TaxClassFactory, VariantFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(staff: User, settings: Any, tmp_path: Any) -> Client:
    settings.MEDIA_ROOT = tmp_path
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture(autouse=True)
def attributes(db: None) -> None:
    kinds = Attribute.Kind
    colors = [{"value": "Teal", "swatch": "#1f4f54"}, {"value": "Clay"}]
    Attribute.objects.create(code="material", name="Material", kind=kinds.TEXT)
    Attribute.objects.create(code="capacity", name="Capacity", kind=kinds.NUMBER, unit="ml")
    Attribute.objects.create(code="dishwasher_safe", name="Dishwasher safe", kind=kinds.BOOLEAN)
    Attribute.objects.create(code="color", name="Color", kind=kinds.CHOICE, is_axis=True, choices=colors)
    Attribute.objects.create(code="size", name="Size", kind=kinds.TEXT, is_axis=True)


def product_form(variants: list[dict[str, Any]], images: list[dict[str, Any]] = [], **values: Any) -> dict[str, Any]:  # noqa: B006
    form = {
        "name": "Harbour mug",
        "slug": "harbour-mug",
        "description": "Thrown.",
        "attributes": "material: Stoneware",
        "is_active": "on",
    } | values
    for prefix, rows in (("variants", variants), ("images", images)):
        form |= {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": sum("id" in row for row in rows)}
        for index, row in enumerate(rows):
            form |= {f"{prefix}-{index}-{name}": value for name, value in row.items()}
    return form


def variant_row(**values: Any) -> dict[str, Any]:
    return {"sku": "MUG-1", "price_minor": "24.00", "options": "", "position": 0, "is_active": "on"} | values


def errors(response: Any) -> str:
    context = response.context
    found = [
        context["adminform"].form.errors,
        *(formset.formset.errors for formset in context["inline_admin_formsets"]),
    ]
    return str(found)


def add(admin: Client, variants: list[dict[str, Any]], **values: Any) -> Any:
    category = CategoryFactory.create(name="Mugs")
    values = dict[str, Any](category=category.pk, tax_class=TaxClassFactory.create().pk) | values
    return admin.post(reverse("admin:catalog_product_add"), product_form(variants, **values))


def test_adding_a_product_makes_everything_derived_right(admin: Client) -> None:
    rows = [
        variant_row(compare_at_minor="30", options="color: Teal"),
        variant_row(sku="MUG-2", price_minor="21.50", options="Color: clay"),
    ]
    response = add(admin, rows)
    assert response.status_code == 302, errors(response)
    product = Product.objects.get()
    assert product.price_minor == 2150
    assert list(product.variants.values_list("price_minor", "compare_at_minor")) == [(2400, 3000), (2150, None)]
    assert set(StockItem.objects.values_list("sku", flat=True)) == {"MUG-1", "MUG-2"}
    assert OutboxEvent.objects.filter(topic="product.created").count() == 1
    assert len(Client().get("/api/products/search?q=clay stoneware").json()["data"]) == 1


def test_a_list_price_below_the_sale_price_ends_the_sale_of_it(admin: Client) -> None:
    variant = VariantFactory.create(price_minor=2400, sku="MUG-1")
    SaleFactory.create(action="fixed_price", amount_minor=2000)
    apply_sales(timezone.now())
    product = variant.product
    row = variant_row(id=variant.pk, product=product.pk, price_minor="19.00", sku="MUG-1")
    form = product_form([row], category=product.category_id, tax_class=product.tax_class_id)
    response = admin.post(reverse("admin:catalog_product_change", args=[product.pk]), form)
    assert response.status_code == 302, errors(response)
    variant.refresh_from_db()
    product.refresh_from_db()
    assert (variant.price_minor, variant.sale_price_minor, product.price_minor) == (1900, None, 1900)
    assert variant.price_changes.latest("id").actor.startswith("user_")


def test_changing_a_price_is_typed_and_shown_in_decimals(admin: Client) -> None:
    variant = VariantFactory.create(price_minor=2400, sku="MUG-1")
    product = variant.product
    path = reverse("admin:catalog_product_change", args=[product.pk])
    assert b'value="24.00"' in admin.get(path).content
    same: dict[str, Any] = {"name": "Renamed", "category": product.category_id, "tax_class": product.tax_class_id}
    row = variant_row(id=variant.pk, product=product.pk, price_minor="19.90", sku="MUG-1")
    response = admin.post(path, product_form([row], **same))
    assert response.status_code == 302, errors(response)
    product.refresh_from_db()
    assert (product.price_minor, product.name, product.slug) == (1990, "Renamed", "harbour-mug")
    assert len(Client().get("/api/products/search?q=renamed").json()["data"]) == 1
    version = product.version
    admin.post(path, product_form([row], **same))
    product.refresh_from_db()
    assert product.version == version + 1


@pytest.mark.parametrize(
    "row",
    [
        {"price_minor": "-1"},
        {"price_minor": "1.234"},
        {"price_minor": "NaN"},
        {"price_minor": "10000000000"},
        {"price_minor": ""},
        {"compare_at_minor": "24.00"},
        {"options": "[]"},
        {"options": "color: Red"},
        {"options": "color: Teal, color: Clay"},
        {"options": "hue: Teal"},
        {"options": "color:"},
        {"options": "nonsense"},
        {"stock": "-1"},
        {"stock": "1.5"},
        {"stock": "1000000001"},
        {"sku": ""},
    ],
    ids=str,
)
def test_bad_values_are_form_errors(admin: Client, row: dict[str, str]) -> None:
    response = add(admin, [variant_row(**row)])
    assert response.status_code == 200
    assert next(iter(row)) in errors(response)
    assert Product.objects.count() == 0


def test_a_sku_stays_and_another_products_is_refused(admin: Client) -> None:
    variant = VariantFactory.create(sku="MUG-1")
    product = variant.product
    path = reverse("admin:catalog_product_change", args=[product.pk])
    same: dict[str, Any] = {"category": product.category_id, "tax_class": product.tax_class_id}
    renamed = variant_row(id=variant.pk, product=product.pk, sku="MUG-9")
    assert "can't be changed" in errors(admin.post(path, product_form([renamed], **same)))
    VariantFactory.create(sku="TAKEN")
    kept = variant_row(id=variant.pk, product=product.pk)
    twin = variant_row(product=product.pk, sku="TAKEN", options="color: Teal")
    assert "sku" in errors(admin.post(path, product_form([kept, twin], **same)))
    assert Variant.objects.count() == 2


def edit(admin: Client, variant: Variant, row: dict[str, Any], **values: Any) -> Any:
    """Saves the variant's product as its page shows it, but for what is named."""
    product = variant.product
    shown = admin.get(reverse("admin:catalog_product_change", args=[product.pk])).context
    form, variants = shown["adminform"].form, shown["inline_admin_formsets"][0].formset
    kept = {name: variants[0][name].value() for name in ("sku", "price_minor", "options", "stock", "position")}
    same = {name: form[name].value() for name in ("name", "slug", "category", "tax_class", "attributes")}
    posted = product_form([{"id": variant.pk, "product": product.pk, "is_active": "on"} | kept | row], **same | values)
    posted["initial-variants-0-stock"] = variants[0]["stock"].value()
    return admin.post(reverse("admin:catalog_product_change", args=[product.pk]), posted)


def available(sku: str) -> int:
    return StockItem.objects.available_by_sku([sku])[sku]


def said(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def test_attributes_are_lines_and_keep_their_kinds(admin: Client) -> None:
    text = "Material: Stone: grey\r\n\r\ncapacity: 330 ml\nDishwasher safe: yes\nsize: 22"
    assert add(admin, [variant_row()], attributes=text).status_code == 302
    product = Product.objects.get()
    kept = {"material": "Stone: grey", "capacity": 330, "dishwasher_safe": True, "size": "22"}
    assert product.attributes == kept
    # A text attribute may hold a number, which importers write; what isn't touched stays what it was.
    stored = kept | {"capacity": 8.5, "dishwasher_safe": False, "size": 22, "material": "two\nlines"}
    Product.objects.update(attributes=stored)
    variant = product.variants.get()
    assert edit(admin, variant, {}).status_code == 302
    assert Product.objects.get().attributes == stored
    page = admin.get(reverse("admin:catalog_product_change", args=[product.pk]))
    shown = page.context["adminform"].form["attributes"].value()
    assert set(shown.splitlines()) == {
        "material: two lines", "capacity: 8.5", "dishwasher_safe: no", "size: 22",
    }  # fmt: skip
    assert edit(admin, variant, {}, attributes=shown.replace("8.5", "9")).status_code == 302
    assert Product.objects.get().attributes == stored | {"capacity": 9}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Stoneware", "Line 2: “Stoneware” is not a name, a colon and a value"),
        ("glaze: Ash", "Line 2: There is no attribute “glaze”"),
        ("capacity: much", "Line 2: Capacity is a number of ml"),
        ("capacity: nan", "Line 2: Capacity is a number"),
        ("capacity: 1e999", "Line 2: Capacity is a number"),
        ("dishwasher_safe: maybe", "Line 2: Dishwasher safe is yes or no"),
        ("material: Glass", "Line 2: Material is there twice"),
        ("<b>x</b>: y", "Line 2: There is no attribute “&lt;b&gt;x&lt;/b&gt;”"),
    ],
)
def test_what_is_wrong_with_attributes_names_the_line(admin: Client, line: str, why: str) -> None:
    response = add(admin, [variant_row()], attributes=f"material: Stoneware\n{line}")
    assert why in response.content.decode()
    assert Product.objects.count() == 0


def test_an_unknown_value_says_where_it_is_added_and_saves_once_it_was(admin: Client) -> None:
    response = add(admin, [variant_row(options="color: <Red>")])
    color = Attribute.objects.get(code="color")
    path = reverse("admin:catalog_attribute_change", args=[color.pk])
    page = response.content.decode()
    assert f'Color has no value “&lt;Red&gt;”. It has: Teal, Clay. <a class="underline" href="{path}"' in page
    Attribute.objects.filter(code="color").update(choices=[*color.choices, {"value": 7, "note": "kept"}])
    choices = "Teal #1f4f54\nClay\n<Red>  #a00\n7"
    form = {"name": "Color", "code": "color", "kind": "choice", "choices": choices, "is_axis": "on", "position": 100}
    assert admin.post(path, form).status_code == 302
    color.refresh_from_db()
    assert color.choices == [
        {"value": "Teal", "swatch": "#1f4f54"}, {"value": "Clay"}, {"value": "<Red>", "swatch": "#a00"},
        {"value": 7, "note": "kept"},
    ]  # fmt: skip
    assert add(admin, [variant_row(options="color: <red>, size: 22 cm, wide")]).status_code == 302
    assert Variant.objects.get().options == {"color": "<Red>", "size": "22 cm, wide"}
    missing = add(admin, [variant_row(options="Rim shape: Round")], slug="other").content.decode()
    assert f"{reverse('admin:catalog_attribute_add')}?name=Rim+shape&amp;code=rim-shape&amp;is_axis=1" in missing


def test_the_form_lists_the_axes(admin: Client) -> None:
    page = admin.get(reverse("admin:catalog_product_add")).content.decode()
    path = reverse("admin:catalog_attribute_change", args=[Attribute.objects.get(code="color").pk])
    assert f'<b>color</b>: Teal, Clay <a class="underline" href="{path}"' in page
    assert "<b>size</b>: any text" in page and "Capacity (ml)" in page


@pytest.mark.parametrize(
    "choices", ["", "Teal\nteal", "\n \n"], ids=["none", "twice", "blank"]
)  # fmt: skip
def test_a_choice_has_values_and_each_once(admin: Client, choices: str) -> None:
    form = {"name": "Rim", "code": "rim", "kind": "choice", "choices": choices, "position": 1}
    response = admin.post(reverse("admin:catalog_attribute_add"), form)
    assert "choices" in response.context["adminform"].form.errors


def test_stock_typed_with_a_new_variant_is_its_opening_receipt(admin: Client, staff: User) -> None:
    rows = [variant_row(stock="12", options="color: Teal"), variant_row(sku="MUG-2", options="color: Clay")]
    response = add(admin, rows)
    assert response.status_code == 302, errors(response)
    movement = StockMovement.objects.get()
    assert (movement.sku, movement.quantity, movement.kind) == ("MUG-1", 12, "receipt")
    assert (movement.reason, movement.actor) == ("opening stock", staff.public_id)
    assert (available("MUG-1"), available("MUG-2")) == (12, 0)
    assert "Nobody can buy" not in said(response)


def test_a_product_without_stock_is_saved_and_says_so(admin: Client) -> None:
    assert "each variant's stock is 0" in said(add(admin, [variant_row(stock="0")]))
    assert "no variant is for sale" in said(add(admin, [], slug="other"))


def test_edited_stock_is_what_can_be_bought_and_leaves_a_movement(admin: Client, staff: User) -> None:
    variant = VariantFactory.create(sku="MUG-1", stock=10)
    with transaction.atomic():
        inventory.hold("cart:1", {"MUG-1": 4}, until=timezone.now() + timedelta(hours=1))
    assert edit(admin, variant, {"stock": "9", "price_minor": "19.90"}).status_code == 302
    movement = StockMovement.objects.exclude(actor="test").get()
    assert (movement.quantity, movement.reason, movement.actor) == (3, "product form", staff.public_id)
    assert available("MUG-1") == 9
    assert Product.objects.get().price_minor == 1990
    assert edit(admin, variant, {"stock": "0"}).status_code == 302
    assert (available("MUG-1"), StockItem.objects.get().on_hand) == (0, 4)


def test_stock_left_alone_undoes_no_sale(admin: Client) -> None:
    variant = VariantFactory.create(sku="MUG-1", stock=10)
    row = variant_row(id=variant.pk, product=variant.product_id, stock="10", price_minor="30")
    same: dict[str, Any] = {"category": variant.product.category_id, "tax_class": variant.product.tax_class_id}
    form = product_form([row], **same) | {"initial-variants-0-stock": "10"}
    with transaction.atomic():
        inventory.hold("cart:1", {"MUG-1": 3}, until=timezone.now() + timedelta(hours=1))
    path = reverse("admin:catalog_product_change", args=[variant.product_id])
    assert admin.post(path, form).status_code == 302
    assert admin.post(path, form | {"variants-0-stock": ""}).status_code == 302
    assert (available("MUG-1"), StockMovement.objects.count()) == (7, 1)
    assert Product.objects.get().price_minor == 3000


def test_a_shelf_that_can_not_be_set_is_told_and_the_rest_is_saved(admin: Client) -> None:
    variant = VariantFactory.create(sku="MUG-1", stock=1)
    inventory.set_rules(StockItem.objects.get(), safety_stock=0, backorder_limit=5, low_stock_threshold=0)
    response = edit(admin, variant, {"stock": "2"}, name="Renamed")
    assert response.status_code == 302
    assert "The stock of MUG-1 stays as it was." in said(response)
    assert (available("MUG-1"), Product.objects.get().name) == (6, "Renamed")


def test_staff_who_may_only_look_see_the_stock(admin: Client) -> None:
    variant = VariantFactory.create(stock=3217, options={"color": "Teal"})
    client = Client()
    client.force_login(StaffFactory.create(permissions=["catalog.view_product", "catalog.view_variant"]))
    page = client.get(reverse("admin:catalog_product_change", args=[variant.product_id]))
    assert page.status_code == 200 and "3217" in page.content.decode()


def png(color: str = "teal") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (30, 20), color).save(content, "PNG")
    return content.getvalue()


def test_a_chosen_picture_outlives_an_error_elsewhere(admin: Client) -> None:
    upload = SimpleUploadedFile("teal.png", png(), "image/png")
    response = add(admin, [variant_row(price_minor="x")], images=[{"file": upload, "position": 0}])
    form = response.context["inline_admin_formsets"][1].formset[0]
    assert form["file"].value().url in response.content.decode()
    row = {"kept": form["kept"].value(), "position": 0}
    response = add(admin, [variant_row(price_minor="y")], images=[row])
    row["kept"] = response.context["inline_admin_formsets"][1].formset[0]["kept"].value()
    assert add(admin, [variant_row()], images=[row]).status_code == 302
    image = ProductImage.objects.get()
    assert (image.state, image.width, image.file.name) == ("ready", 30, form["file"].value().name)
    forged = add(admin, [variant_row(sku="MUG-2")], images=[{"kept": "x:y", "position": 0}], slug="other")
    assert "Choose a file" in errors(forged)


def test_what_is_no_picture_is_refused_with_the_reason(admin: Client) -> None:
    upload = SimpleUploadedFile("list.pdf", b"%PDF-1.7", "application/pdf")
    response = add(admin, [variant_row()], images=[{"file": upload, "position": 0}])
    assert "Not a JPEG, PNG, WebP, GIF or AVIF picture" in errors(response)


def test_the_product_is_seen_on_the_site_also_when_withdrawn(admin: Client) -> None:
    product = VariantFactory.create(product__is_active=False).product
    page = admin.get(reverse("admin:catalog_product_change", args=[product.pk]))
    path = page.context["absolute_url"]
    assert path in page.content.decode()
    response = admin.get(path, follow=True)
    assert response.status_code == 200 and product.name in response.content.decode()


def test_the_list_shows_each_products_first_picture(admin: Client) -> None:
    product = VariantFactory.create().product
    ProductImage.objects.create(product=product, position=1, file="pictures/second.webp")
    ProductImage.objects.create(product=product, position=0, file="pictures/first.webp")
    page = admin.get(reverse("admin:catalog_product_changelist")).content.decode()
    assert "pictures/first.webp" in page and "second.webp" not in page


def test_variants_on_sale_differ_in_their_options(admin: Client) -> None:
    response = add(admin, [variant_row(), variant_row(sku="MUG-2")])
    assert "has the same options" in errors(response)


def test_an_uploaded_picture_is_made_the_shops_own(admin: Client) -> None:
    content = io.BytesIO()
    Image.new("RGB", (30, 20), "teal").save(content, "PNG")
    upload = SimpleUploadedFile("../../evil.svg", content.getvalue(), "image/svg+xml")
    response = add(admin, [variant_row()], images=[{"file": upload, "alt": "Teal", "position": 0}])
    assert response.status_code == 302, errors(response)
    image = ProductImage.objects.get()
    assert (image.state, image.width, image.height) == (ProductImage.State.READY, 30, 20)
    assert str(image.file.name).endswith(".webp")
    broken = SimpleUploadedFile("x.png", b"<svg onload='alert(1)'/>", "image/png")
    product = Product.objects.get()
    row = variant_row(id=product.variants.get().pk, product=product.pk)
    same: dict[str, Any] = {"category": product.category_id, "tax_class": product.tax_class_id}
    form = product_form([row], [{"file": broken, "position": 1, "product": product.pk}], **same)
    assert "file" in errors(admin.post(reverse("admin:catalog_product_change", args=[product.pk]), form))


def test_a_picture_by_address_is_left_to_the_worker(admin: Client) -> None:
    images = [{"source_url": "https://cdn.example.com/1.jpg", "position": 0}]
    response = add(admin, [variant_row()], images=images)
    assert response.status_code == 302, errors(response)
    assert ProductImage.objects.get().state == ProductImage.State.PENDING
    assert OutboxEvent.objects.filter(topic="image.added").count() == 1


def test_withdrawing_takes_out_of_the_shop_and_nothing_is_deleted(admin: Client) -> None:
    product = VariantFactory.create().product
    path = reverse("admin:catalog_product_changelist")
    admin.post(path, {"action": "withdraw", "_selected_action": [product.pk]})
    product.refresh_from_db()
    assert product.is_active is False
    assert admin.get(reverse("admin:catalog_product_delete", args=[product.pk])).status_code == 403


def test_the_list_does_not_query_per_row(admin: Client, django_assert_max_num_queries: Any) -> None:
    path = reverse("admin:catalog_product_changelist")
    for _ in range(2):
        for _ in range(6):
            VariantFactory.create(product__brand=Brand.objects.get_or_create(name="Ossery", slug="ossery")[0])
        with django_assert_max_num_queries(12):
            assert admin.get(path).status_code == 200
    assert admin.get(path, {"q": "SKU"}).status_code == 200


@pytest.mark.parametrize("model", ["product", "category", "brand", "attribute"])
def test_every_page_opens(admin: Client, model: str) -> None:
    VariantFactory.create()
    assert admin.get(reverse(f"admin:catalog_{model}_changelist")).status_code == 200
    assert admin.get(reverse(f"admin:catalog_{model}_add")).status_code == 200


def category_form(name: str, slug: str, reference: Category | None, position: str = "first-child") -> dict[str, Any]:
    return {
        "name": name,
        "slug": slug,
        "treebeard_position": position,
        "treebeard_ref_node": reference.pk if reference else "",
    }


def test_a_category_is_added_renamed_and_moved_with_everything_below(admin: Client) -> None:
    table = make_category(["Table"])
    make_category(["Gifts"])
    response = admin.post(reverse("admin:catalog_category_add"), category_form("Mugs", "mugs", table))
    assert response.status_code == 302, response.context and response.context["adminform"].form.errors
    mugs = Category.objects.get(name="Mugs")
    assert (mugs.url_path, mugs.depth) == ("table/mugs", 2)
    small = make_category(["Table", "Mugs", "Small"])
    VariantFactory.create(product__category=small)

    path = reverse("admin:catalog_category_change", args=[mugs.pk])
    gifts = Category.objects.get(name="Gifts")
    response = admin.post(path, category_form("Beakers", "beakers", gifts))
    assert response.status_code == 302, response.context and response.context["adminform"].form.errors
    assert set(Category.objects.values_list("url_path", flat=True)) == {
        "table", "gifts", "gifts/beakers", "gifts/beakers/small",
    }  # fmt: skip
    assert len(Client().get("/api/products/search?q=gifts beakers").json()["data"]) == 1
    assert Category.find_problems() == ([], [], [], [], [])


def test_two_categories_never_have_one_address(admin: Client) -> None:
    table = make_category(["Table"])
    make_category(["Table", "Mugs"])
    response = admin.post(reverse("admin:catalog_category_add"), category_form("Other", "mugs", table))
    assert response.status_code == 200
    assert "slug" in response.context["adminform"].form.errors
