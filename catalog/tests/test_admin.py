import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from accounts.models import User
from catalog.models import Brand, Category, Product, ProductImage, Variant
from catalog.operations import make_category
from inventory.models import StockItem
from shop.models import OutboxEvent

from .factories import CategoryFactory, TaxClassFactory, VariantFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(staff: User, settings: Any, tmp_path: Any) -> Client:
    settings.MEDIA_ROOT = tmp_path
    client = Client()
    client.force_login(staff)
    return client


def product_form(variants: list[dict[str, Any]], images: list[dict[str, Any]] = [], **values: Any) -> dict[str, Any]:  # noqa: B006
    form = {
        "name": "Harbour mug",
        "slug": "harbour-mug",
        "description": "Thrown.",
        "attributes": '{"material": "Stoneware"}',
        "is_active": "on",
    } | values
    for prefix, rows in (("variants", variants), ("images", images)):
        form |= {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": sum("id" in row for row in rows)}
        for index, row in enumerate(rows):
            form |= {f"{prefix}-{index}-{name}": value for name, value in row.items()}
    return form


def variant_row(**values: Any) -> dict[str, Any]:
    return {"sku": "MUG-1", "price_minor": "24.00", "options": "{}", "position": 0, "is_active": "on"} | values


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
        variant_row(compare_at_minor="30", options='{"color": "Teal"}'),
        variant_row(sku="MUG-2", price_minor="21.50", options='{"color": "Clay"}'),
    ]
    response = add(admin, rows)
    assert response.status_code == 302, errors(response)
    product = Product.objects.get()
    assert product.price_minor == 2150
    assert list(product.variants.values_list("price_minor", "compare_at_minor")) == [(2400, 3000), (2150, None)]
    assert set(StockItem.objects.values_list("sku", flat=True)) == {"MUG-1", "MUG-2"}
    assert OutboxEvent.objects.filter(topic="product.created").count() == 1
    assert len(Client().get("/api/products/search?q=clay stoneware").json()["data"]) == 1


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
        {"options": '{"Color": "x"}'},
        {"options": "nonsense"},
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
    twin = variant_row(product=product.pk, sku="TAKEN", options='{"a": 1}')
    assert "sku" in errors(admin.post(path, product_form([kept, twin], **same)))
    assert Variant.objects.count() == 2


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
