import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from catalog.models import Brand, Category, Product, ProductImage
from catalog.operations import (
    ImageDraft,
    ProductDraft,
    VariantDraft,
    create_product,
    make_category,
    replace_product,
    withdraw_product,
)
from catalog.operations.products import DuplicateSku
from inventory.models import StockItem
from shop.errors import InvalidInput, PreconditionFailed

from .factories import TaxClassFactory, VariantFactory

TEAL, CLAY = ImageDraft(file="teal.webp", digest="t", width=1, height=1), ImageDraft(file="clay.webp", digest="c")


def draft(sku: str = "MUG-1", **values: Any) -> ProductDraft:
    values = dict[str, Any](name="Harbour mug", category="Table > Mugs", brand="Ossery") | values
    return ProductDraft(variants=values.pop("variants", [VariantDraft(sku, 2400, stock=3)]), **values)


def at_once(*actions: Callable[[], object]) -> list[Exception]:
    """Runs the actions at the same moment on connections of their own; returns what they raised."""
    together = threading.Barrier(len(actions))
    raised: list[Exception] = []

    def run(action: Callable[[], object]) -> None:
        together.wait()
        try:
            action()
        except Exception as error:  # noqa: BLE001 the test looks at what was raised
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[action]) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


@pytest.mark.django_db
def test_importing_makes_categories_and_brands_once() -> None:
    TaxClassFactory.create()
    for number in range(3):
        create_product(draft(f"M-{number}"), actor="test", make_missing=True)
    assert list(Category.objects.order_by("path").values_list("url_path", flat=True)) == ["table", "table/mugs"]
    assert Brand.objects.count() == 1
    create_product(draft("M-9", category="table > MUGS", brand="OSSERY"), actor="test", make_missing=True)
    assert (Category.objects.count(), Brand.objects.count()) == (2, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("category", ["", " > ", "Table > ", "x" * 121, " > ".join("abcdefghijk")])
def test_an_unusable_category_is_refused(category: str) -> None:
    with pytest.raises(InvalidInput):
        create_product(draft(category=category), actor="test", make_missing=True)
    assert Category.objects.count() == 0


@pytest.mark.django_db
def test_a_writer_who_read_an_older_version_is_told() -> None:
    product = VariantFactory.create().product
    replace_product(product, {"name": "First"}, actor="test", expected_versions={product.version})
    with pytest.raises(PreconditionFailed):
        replace_product(product, {"name": "Second"}, actor="test", expected_versions={product.version})
    assert Product.objects.get().name == "First"


@pytest.mark.django_db
def test_withdrawing_twice_changes_once() -> None:
    product = VariantFactory.create().product
    first = withdraw_product(product, actor="test")
    assert withdraw_product(product, actor="test").version == first.version == product.version + 1


@pytest.mark.django_db
def test_a_picture_that_variants_share_is_one_picture_of_each() -> None:
    TaxClassFactory.create()
    variants = [
        VariantDraft("T-S", 2400, options={"color": "Teal", "size": "S"}, images=[TEAL]),
        VariantDraft("T-L", 2600, options={"color": "Teal", "size": "L"}, images=[TEAL]),
        VariantDraft("C-S", 2400, options={"color": "Clay", "size": "S"}, images=[CLAY]),
    ]
    product = create_product(draft(images=[TEAL], variants=variants), actor="test", make_missing=True)

    def pictures() -> list[tuple[str, str]]:
        return list(product.images.order_by("position").values_list("file", "variant__sku"))

    assert pictures() == [("teal.webp", "T-S"), ("teal.webp", "T-L"), ("clay.webp", "C-S")]
    rows = set(ProductImage.objects.values_list("pk", flat=True))
    replace_product(product, draft(images=[TEAL], variants=variants).changes(), actor="test")
    assert set(ProductImage.objects.values_list("pk", flat=True)) == rows
    replace_product(product, {"images": [CLAY, TEAL]}, actor="test")
    assert pictures() == [("clay.webp", "C-S"), ("teal.webp", "T-S"), ("teal.webp", "T-L")]


@pytest.mark.django_db
def test_a_picture_of_another_product_is_refused() -> None:
    product = VariantFactory.create().product
    with pytest.raises(InvalidInput):
        replace_product(product, {"images": [ImageDraft(file="not-ours.webp")]}, actor="test")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_create_one_sku_at_once_one_does() -> None:
    TaxClassFactory.create()
    make_category(["Table", "Mugs"])
    raised = at_once(*[lambda: create_product(draft(), actor="test")] * 4)
    assert [type(error) for error in raised] == [DuplicateSku] * 3
    assert Product.objects.count() == 1
    assert StockItem.objects.get().on_hand == 3


@pytest.mark.django_db(transaction=True)
def test_of_many_who_bring_one_name_brand_and_category_at_once_all_do() -> None:
    TaxClassFactory.create()
    actions = [lambda sku=f"M-{n}": create_product(draft(sku), actor="test", make_missing=True) for n in range(4)]
    assert at_once(*actions) == []
    assert len(set(Product.objects.values_list("slug", flat=True))) == 4
    assert list(Category.objects.order_by("path").values_list("url_path", flat=True)) == ["table", "table/mugs"]
    assert Category.find_problems() == ([], [], [], [], [])
    assert Brand.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_change_one_product_at_once_lose_nothing() -> None:
    product = VariantFactory.create(sku="MUG-1").product
    raised = at_once(
        lambda: replace_product(product, {"name": "Haven mug"}, actor="test"),
        lambda: replace_product(product, {"variants": [{"sku": "MUG-1", "price_minor": 100}]}, actor="test"),
    )
    assert raised == []
    changed = Product.objects.get()
    assert (changed.name, changed.price_minor, changed.version) == ("Haven mug", 100, product.version + 2)
