from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.invariants import INVARIANTS
from catalog.models import Product, Variant
from catalog.operations import apply_sales
from inventory.models import StockItem
from pricing.models import Promotion
from shop import invariants

from .factories import SaleFactory, VariantFactory

pytestmark = pytest.mark.django_db


def findings() -> dict[str, invariants.Finding]:
    codes = {invariant.code for invariant in INVARIANTS}
    return {finding.invariant.code: finding for finding in invariants.verify() if finding.invariant.code in codes}


def test_they_hold_for_what_the_operations_write() -> None:
    VariantFactory.create(price_minor=100)
    found = findings()
    assert set(found) == {"P1", "P2", "P3", "P4"}
    assert not any(finding.rows for finding in found.values())
    assert {code: finding.examined for code, finding in found.items()} == {"P1": 1, "P2": 1, "P3": 0, "P4": 1}


def test_p1_finds_a_price_that_is_not_the_lowest() -> None:
    variant = VariantFactory.create(price_minor=2400)
    Product.objects.update(price_minor=2399)
    assert findings()["P1"].rows == [{"public_id": variant.product.public_id, "price_minor": 2399, "lowest": 2400}]


def test_p1_passes_over_variants_that_are_off_sale() -> None:
    product = VariantFactory.create(price_minor=2400).product
    VariantFactory.create(product=product, price_minor=100, is_active=False, options={"size": "S"})
    assert findings()["P1"].rows == []


def test_p2_finds_a_variant_without_stock_item() -> None:
    variant = VariantFactory.create(stock=0)
    StockItem.objects.filter(sku=variant.sku).delete()
    assert findings()["P2"].rows == [{"public_id": variant.public_id, "sku": variant.sku}]
    Variant.objects.update(is_active=False)
    assert findings()["P2"].rows == []


@pytest.mark.parametrize(
    "broken",
    [
        lambda: Promotion.objects.update(is_active=False),
        lambda: Promotion.objects.all().delete(),
        lambda: Promotion.objects.update(ends_at=timezone.now() - timedelta(minutes=6)),
        lambda: Promotion.objects.update(phase="line"),
        lambda: Variant.objects.update(sale_until=timezone.now()),
        lambda: Variant.objects.update(price_minor=2040),
    ],
)
def test_p3_finds_a_sale_price_without_its_sale(broken: Callable[[], object]) -> None:
    variant = VariantFactory.create(price_minor=2400)
    SaleFactory.create()
    apply_sales(timezone.now())
    assert (findings()["P3"].examined, findings()["P3"].rows) == (1, [])
    broken()
    assert [row["public_id"] for row in findings()["P3"].rows] == [variant.public_id]


def test_p4_finds_a_price_that_was_not_recorded() -> None:
    variant = VariantFactory.create(price_minor=2400)
    Variant.objects.update(price_minor=2300)
    assert findings()["P4"].rows == [{"public_id": variant.public_id, "asked": 2300, "recorded": 2400}]
    bare = Variant.objects.create(product=variant.product, sku="BARE", price_minor=2400)
    Variant.objects.filter(pk=variant.pk).update(price_minor=2400)
    assert findings()["P4"].rows == [{"public_id": bare.public_id, "asked": 2400, "recorded": None}]
