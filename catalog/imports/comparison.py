"""Whether a product already is what a row says, so that importing it again writes nothing."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..models import Product, Variant
from ..operations import ImageDraft, ProductChanges, VariantChanges, resolve_category

PLAIN_FIELDS = ("name", "description", "is_active")
VARIANT_FIELDS = ("sku", "price_minor", "compare_at_minor", "barcode", "weight_grams")


def differs(product: Product, changes: ProductChanges) -> bool:
    """Whether `changes` would change the product, stock aside. `product` comes from `with_details()`.

    Makes a category that is missing. Errors: InvalidInput for an ambiguous one.
    """
    named: Mapping[str, Any] = changes
    return (
        any(name in named and getattr(product, name) != named[name] for name in PLAIN_FIELDS)
        or ("tax_class" in changes and product.tax_class.code != changes["tax_class"])
        or ("brand" in changes and _brand_of(product) != changes["brand"].casefold())
        or ("attributes" in changes and _plain(product.attributes) != _plain(changes["attributes"]))
        or ("variants" in changes and _variants_differ(product.active_variants, changes["variants"]))
        or _pictures_differ(product, changes)
        or ("category" in changes and _category_differs(product, changes["category"]))
    )


def _brand_of(product: Product) -> str:
    return product.brand.name.casefold() if product.brand else ""


def _category_differs(product: Product, text: str) -> bool:
    return text != product.category.name and resolve_category(text, make_missing=True) != product.category


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values that compare as JSON does: 8.60 is 8.6 and 1 is not true."""
    return {
        code: (isinstance(value, bool), float(value) if isinstance(value, Decimal) else value)
        for code, value in values.items()
    }


def _variants_differ(present: list[Variant], wanted: Any) -> bool:
    return [variant.sku for variant in present] != [changes["sku"] for changes in wanted] or any(
        _variant_differs(variant, changes) for variant, changes in zip(present, wanted, strict=True)
    )


def _variant_differs(variant: Variant, changes: VariantChanges) -> bool:
    named: Mapping[str, Any] = changes
    return any(name in named and getattr(variant, name) != named[name] for name in VARIANT_FIELDS) or (
        "options" in changes and _plain(variant.options) != _plain(changes["options"])
    )


def _pictures_differ(product: Product, changes: ProductChanges) -> bool:
    """The gallery's order and texts, and which pictures show which variant."""
    by_variant = {variant.pk: variant.sku for variant in product.active_variants}
    gallery: dict[str, str] = {}
    shown_by: dict[str, set[str]] = {}
    for image in product.all_images:
        key = image.source_url or image.file.name or ""
        gallery.setdefault(key, image.alt)
        if image.variant_id in by_variant:
            shown_by.setdefault(by_variant[image.variant_id], set()).add(key)

    named: dict[str, ImageDraft] = {draft.key: draft for draft in changes.get("images", ())}
    wanted = dict.fromkeys(named if "images" in changes else gallery)
    for variant in changes.get("variants", ()):
        if "images" not in variant:
            continue
        keys = [draft.key for draft in variant["images"]]
        wanted |= dict.fromkeys(keys)
        if shown_by.get(variant["sku"], set()) != set(keys):
            return True
    return list(gallery) != list(wanted) or any(draft.alt and draft.alt != gallery[key] for key, draft in named.items())
