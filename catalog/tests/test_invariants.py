import pytest

from catalog.invariants import INVARIANTS
from catalog.models import Product, Variant
from inventory.models import StockItem
from shop import invariants

from .factories import VariantFactory

pytestmark = pytest.mark.django_db


def findings() -> dict[str, invariants.Finding]:
    codes = {invariant.code for invariant in INVARIANTS}
    return {finding.invariant.code: finding for finding in invariants.verify() if finding.invariant.code in codes}


def test_they_hold_for_what_the_operations_write() -> None:
    VariantFactory.create(price_minor=100)
    found = findings()
    assert set(found) == {"P1", "P2"}
    assert all(finding.examined == 1 and not finding.rows for finding in found.values())


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
