"""The loader brings the demo's content into an empty shop, once, and leaves alone what is there."""

import io
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Address, User
from catalog.models import Attribute, Category, Product, ProductImage, Variant
from catalog.queries import lowest_prices
from catalog.queries.cards import NEW_FOR
from catalog.tests.snapshots import everything
from demo.operations import CUSTOMER, STAFF, _read, prepare
from inventory.models import StockItem
from pricing.models import Promotion
from shipping.models import ShippingMethod
from shipping.queries import options

PASSWORD = "correct horse battery"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    monkeypatch.setenv("SHOP_DEMO_PASSWORD", PASSWORD)


def seed() -> str:
    summary = io.StringIO()
    call_command("seed_demo", stdout=summary)
    return summary.getvalue()


def category_paths(rows: list[dict[str, Any]], path: str = "") -> list[str]:
    """Depth first, as the tree reads."""
    paths = []
    for row in rows:
        paths += [path + row["slug"], *category_paths(row.get("children", []), f"{path}{row['slug']}/")]
    return paths


@pytest.mark.slow
def test_the_demo_is_made_once(settings: Any) -> None:
    assert seed().startswith("60 created, 0 changed, 0 unchanged, 0 failed\n")

    assert Product.objects.published().count() == 60
    assert not ProductImage.objects.exclude(state=ProductImage.State.READY).exists()
    assert all(default_storage.exists(name) for name in ProductImage.objects.values_list("file", flat=True))
    assert not ProductImage.objects.filter(alt="").exists()
    assert list(Category.objects.order_by("path").values_list("url_path", flat=True)) == category_paths(
        _read("categories.json")
    )
    assert all(category.description for category in Category.objects.all())
    assert all(default_storage.exists(category.image.name) for category in Category.objects.filter(depth=1))
    assert set(Attribute.objects.values_list("code", flat=True)) == {row["code"] for row in _read("attributes.json")}
    colour = Attribute.objects.get(code="color")
    assert (colour.kind, colour.is_axis, colour.choices[0]["swatch"]) == ("choice", True, "#1f5d63")
    stocked = StockItem.objects.filter(sku__in=Variant.objects.values("sku"))
    assert stocked.count() == Variant.objects.count()

    staff, customer = User.objects.get(email=STAFF), User.objects.get(email=CUSTOMER)
    assert staff.is_superuser and staff.is_staff and staff.check_password(PASSWORD)
    assert not customer.is_staff and customer.check_password(PASSWORD)
    assert Address.objects.filter(user=customer).count() == 1

    before = everything()
    started = time.process_time()
    assert seed() == "0 created, 0 changed, 60 unchanged, 0 failed\n"
    assert time.process_time() - started < 1
    assert everything() == before


def test_what_staff_changed_stays() -> None:
    prepare(PASSWORD)
    User.objects.filter(email=STAFF).update(first_name="Nobody")
    Category.objects.filter(url_path="table").update(description="Ours.")
    Attribute.objects.filter(code="color").update(name="Shade")
    prepare("another password")
    assert User.objects.get(email=STAFF).first_name == "Nobody"
    assert User.objects.get(email=STAFF).check_password(PASSWORD)
    assert Category.objects.get(url_path="table").description == "Ours."
    assert Attribute.objects.get(code="color").name == "Shade"


def test_it_delivers_at_home_in_the_union_and_beyond() -> None:
    prepare(PASSWORD)
    now = timezone.now()

    def codes(country: str) -> list[str]:
        return [option.code for option in options(country=country, goods_minor=2000, weight_grams=3000, now=now)]

    assert codes("DE") == ["standard", "express", "pickup"]
    assert codes("FR") == ["standard-eu"]
    assert codes("JP") == ["standard-world"]
    (union,) = options(country="FR", goods_minor=2000, weight_grams=3000, now=now)
    assert union.price_minor == 1290
    for method in ShippingMethod.objects.all():
        method.full_clean()
    ShippingMethod.objects.filter(code="express").delete()
    prepare(PASSWORD)
    assert codes("DE") == ["standard", "pickup"]


def test_without_a_password_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_DEMO_PASSWORD")
    with pytest.raises(CommandError, match="SHOP_DEMO_PASSWORD"):
        seed()
    assert not User.objects.exists()
    assert not Product.objects.exists()


@pytest.mark.slow
def test_products_came_over_a_year_and_some_are_in_a_sale() -> None:
    seed()
    made = sorted(Product.objects.values_list("created_at", flat=True))
    assert made[0] < timezone.now() - timedelta(days=350) and sum(day > timezone.now() - NEW_FOR for day in made) <= 8
    in_sale = Variant.objects.filter(sale__name="Autumn table")
    assert set(in_sale) == set(Variant.objects.filter(product__category__url_path__startswith="table/"))
    assert lowest_prices(in_sale) == dict(in_sale.values_list("pk", "price_minor"))
    seed()
    assert list(Promotion.objects.filter(phase="catalogue").values_list("name", flat=True)) == [
        "Kitchen fortnight",
        "Autumn table",
    ]
