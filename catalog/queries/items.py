from datetime import datetime

from pricing.operations import Item

from ..models import Variant


def item_of(variant: Variant, *, quantity: int, now: datetime) -> Item:
    """So many of a variant as they are priced. Reads product, category, brand and tax class."""
    name, label, price = variant.product.name, variant.label, variant.price_at(now)
    return Item(
        sku=variant.sku,
        name=f"{name}, {label}" if label else name,
        quantity=quantity,
        unit_price_minor=price,
        list_price_minor=variant.compare_at(now) or price,
        tax_class=variant.product.tax_class.code,
        tags=variant.tags,
    )
