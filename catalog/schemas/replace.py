"""PUT: what is named is replaced."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from django.utils import timezone
from ninja import Field
from pydantic import StrictBool

from shop.api import Body, Text
from shop.errors import InvalidInput

from ..models import Product, Variant
from ..operations import ProductChanges, VariantChanges
from ..queries import Stock
from .create import repeated_skus
from .values import (
    MAX_VARIANTS,
    Alts,
    Attributes,
    Barcode,
    BrandName,
    CategoryName,
    Grams,
    Images,
    Name,
    Options,
    Sku,
    TaxClassCode,
    UnitPrice,
    Units,
    minor,
    picture_at,
    pictures,
)

# What a body does not name; `model_fields_set` tells it from what it names.
UNNAMED: Any = None


class VariantPut(Body):
    """What is named is replaced. What only GET says is accepted and passed over."""

    sku: Sku
    price: UnitPrice = UNNAMED
    compare_at_price: UnitPrice | None = None
    stock: Units = UNNAMED
    options: Options = UNNAMED
    images: Images = UNNAMED
    barcode: Barcode = UNNAMED
    weight_grams: Grams | None = None

    variant_id: Any = UNNAMED
    price_minor: Any = UNNAMED
    sale: Any = UNNAMED

    def changes(self) -> VariantChanges:
        changes: VariantChanges = {"sku": self.sku}
        named = self.model_fields_set
        if "options" in named:
            changes["options"] = self.options
        if "images" in named:
            changes["images"] = pictures(self.images, (), picture_at)
        return changes | articles(self)  # type: ignore[return-value]


class ProductPut(Body):
    """What is named is replaced; `variants` replaces by SKU and takes missing ones off sale.

    GET's answer can be sent back: with its `sale`, `compareAtPrice` is the list price and `price` what the sale makes
    of it. Without `sale` the two are the list price and the price before that staff give.
    `sku`, `price`, `stock` and their like belong to a product with one variant; with several they are read from those.
    """

    name: Name = UNNAMED
    description: Text = UNNAMED
    category: CategoryName = UNNAMED
    brand: BrandName = UNNAMED
    tax_class: TaxClassCode = UNNAMED
    attributes: Attributes = UNNAMED
    images: Images = UNNAMED
    image_alts: Alts = UNNAMED
    is_active: StrictBool = UNNAMED
    sku: Sku = UNNAMED
    price: UnitPrice = UNNAMED
    compare_at_price: UnitPrice | None = None
    stock: Units = UNNAMED
    barcode: Barcode = UNNAMED
    weight_grams: Grams | None = None
    variants: Annotated[list[VariantPut], Field(min_length=1, max_length=MAX_VARIANTS)] = UNNAMED

    product_id: Any = UNNAMED
    slug: Any = UNNAMED
    price_minor: Any = UNNAMED
    sale: Any = UNNAMED
    currency: Any = UNNAMED
    category_id: Any = UNNAMED
    category_path: Any = UNNAMED
    inventory: Any = UNNAMED
    rating: Any = UNNAMED
    recommendations: Any = UNNAMED
    created_at: Any = UNNAMED
    updated_at: Any = UNNAMED

    def changes(self, product: Product, stock: Mapping[str, Stock]) -> ProductChanges:
        """What the body names, for a product read `with_details()`. Raises InvalidInput."""
        named = self.model_fields_set
        plain = ("name", "description", "category", "brand", "tax_class", "attributes", "is_active")
        changes: dict[str, Any] = {name: getattr(self, name) for name in plain if name in named}
        if "images" in named:
            changes["images"] = pictures(self.images, self.image_alts or (), picture_at)
        elif "image_alts" in named:
            raise InvalidInput(fields={"imageAlts": ["Give `images` with them."]})
        if variants := self._variants(product, stock):
            changes["variants"] = variants
        return changes  # type: ignore[return-value]

    def _variants(self, product: Product, stock: Mapping[str, Stock]) -> list[VariantChanges]:
        rows = [row.changes() for row in self.variants or ()]
        if wrong := repeated_skus([row["sku"] for row in rows]):
            raise InvalidInput(fields=wrong)
        own = articles(self)
        present = product.active_variants
        self._take_back_sales(rows, own, present)
        if len(present) == 1 and len(rows) <= 1:
            return [self._only_variant(present[0], own, rows, stock)] if own or rows or self.sku else []
        if own and not rows:
            raise InvalidInput(fields={name: ["Give it with each variant."] for name in self._sent(own)})
        return rows

    def _take_back_sales(self, rows: Sequence[VariantChanges], own: dict[str, Any], present: Sequence[Variant]) -> None:
        """Reads list prices out of an answer that was sent back: a sale's price must not become one."""
        known = {variant.sku: variant for variant in present}
        wrong: dict[str, list[str]] = {}
        for place, (body, row) in enumerate(zip(self.variants or (), rows, strict=True)):
            if not take_back_sale(body, row, known.get(row["sku"])):
                wrong[f"variants.{place}.price"] = [NOT_THE_SALES]
        # Of several variants it is said again, with the cheapest one's values.
        if not take_back_sale(self, own, present[0] if len(present) == 1 else None) and len(present) == 1:
            wrong["price"] = [NOT_THE_SALES]
        if wrong:
            raise InvalidInput(fields=wrong)

    def _only_variant(
        self,
        variant: Variant,
        own: Mapping[str, Any],
        rows: Sequence[VariantChanges],
        stock: Mapping[str, Stock],
    ) -> VariantChanges:
        """One variant said twice, beside `sku` and under `variants`: what differs from what is stored is meant."""
        row: dict[str, Any] = dict(rows[0]) if rows else {"sku": variant.sku}
        if self.sku not in {None, variant.sku}:
            raise InvalidInput(fields={"sku": ["A SKU can't be changed: stock and orders know it."]})
        stored = {
            "price_minor": variant.price_minor,
            "compare_at_minor": variant.compare_at_minor,
            "barcode": variant.barcode,
            "weight_grams": variant.weight_grams,
            "stock": stock.get(variant.sku, Stock()).available,
        }
        same = row["sku"] == variant.sku
        for name, value in own.items() if same else ():
            if name not in row or row[name] == stored[name]:
                row[name] = value
            elif value not in (stored[name], row[name]):
                fields = {sent: ["Differs from the variant's."] for sent in self._sent([name])}
                raise InvalidInput(fields=fields)
        return row  # type: ignore[return-value]

    @staticmethod
    def _sent(names: Iterable[str]) -> list[str]:
        sent = {"price_minor": "price", "compare_at_minor": "compareAtPrice", "weight_grams": "weightGrams"}
        return [sent.get(name, name) for name in names]


NOT_THE_SALES = (
    "A sale makes another price, or none any more. Read it again, or leave `sale` out to set the list price."
)


def take_back_sale(body: ProductPut | VariantPut, values: Any, variant: Variant | None) -> bool:
    """Puts the list price into `values` where the body is a read of a variant in a sale. False: it no longer is one."""
    if not (isinstance(body.sale, dict) and body.sale.get("name")):
        return True
    price, list_minor = values.pop("price_minor", None), values.pop("compare_at_minor", None)
    if variant is None:
        return False
    if list_minor is not None:
        values["price_minor"] = list_minor
    return price is None or (variant.is_in_sale(now := timezone.now()) and price == variant.price_at(now))


def articles(body: ProductPut | VariantPut) -> dict[str, Any]:
    """The values of a variant that the body names, in the operation's words."""
    named = body.model_fields_set
    values: dict[str, Any] = {
        name: getattr(body, name) for name in ("stock", "barcode", "weight_grams") if name in named
    }
    if "price" in named:
        values["price_minor"] = minor(body.price)
    if "compare_at_price" in named:
        values["compare_at_minor"] = None if body.compare_at_price is None else minor(body.compare_at_price)
    return values
