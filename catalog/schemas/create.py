"""POST: a whole product."""

from collections.abc import Sequence
from typing import Annotated

from ninja import Field
from pydantic import StrictBool

from shop.api import REQUIRED, Body, Text
from shop.errors import InvalidInput

from ..operations import ProductDraft, VariantDraft
from .values import (
    MAX_VARIANTS,
    Alts,
    Attributes,
    Barcode,
    BrandName,
    CategoryName,
    Draw,
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


class VariantBody(Body):
    """`price` and `compareAtPrice` default to the product's."""

    sku: Sku
    price: UnitPrice | None = None
    compare_at_price: UnitPrice | None = None
    stock: Units | None = None
    options: Options = {}
    images: Images = []
    barcode: Barcode = ""
    weight_grams: Grams | None = None


class ProductBody(Body):
    """A product to create. One without `variants` is bought as it is and has its own `sku`, `price` and `stock`."""

    name: Name
    description: Text = ""
    category: CategoryName
    brand: BrandName = ""
    tax_class: TaxClassCode = "standard"
    attributes: Attributes = {}
    images: Images = []
    image_alts: Alts = []
    is_active: StrictBool = True
    sku: Sku | None = None
    price: UnitPrice | None = None
    compare_at_price: UnitPrice | None = None
    stock: Units | None = None
    barcode: Barcode = ""
    weight_grams: Grams | None = None
    variants: Annotated[list[VariantBody], Field(min_length=1, max_length=MAX_VARIANTS)] | None = None

    def draft(self, draw: Draw = picture_at) -> ProductDraft:
        """What is to be created. `draw` says what picture an entry of `images` means. Raises InvalidInput."""
        return ProductDraft(
            name=self.name,
            description=self.description,
            category=self.category,
            brand=self.brand,
            tax_class=self.tax_class,
            attributes=self.attributes,
            images=pictures(self.images, self.image_alts, draw),
            is_active=self.is_active,
            variants=self._variants(draw) if self.variants else [self._only_variant()],
        )

    def _only_variant(self) -> VariantDraft:
        missing = {name: [REQUIRED] for name in ("sku", "price") if getattr(self, name) is None}
        if missing or self.sku is None or self.price is None:
            raise InvalidInput(fields=missing)
        return VariantDraft(
            sku=self.sku,
            price_minor=minor(self.price),
            compare_at_minor=None if self.compare_at_price is None else minor(self.compare_at_price),
            stock=self.stock,
            barcode=self.barcode,
            weight_grams=self.weight_grams,
        )

    def _variants(self, draw: Draw) -> list[VariantDraft]:
        rows = self.variants or []
        wrong = {name: ["Give it with each variant."] for name in ("sku", "stock", "barcode") if getattr(self, name)}
        wrong |= repeated_skus([row.sku for row in rows])
        for index, row in enumerate(rows):
            if row.price is None and self.price is None:
                wrong[f"variants.{index}.price"] = [REQUIRED]
        if wrong:
            raise InvalidInput(fields=wrong)
        return [self._variant(row, draw) for row in rows]

    def _variant(self, row: VariantBody, draw: Draw) -> VariantDraft:
        price = self.price if row.price is None else row.price
        before = self.compare_at_price if row.compare_at_price is None else row.compare_at_price
        assert price is not None
        return VariantDraft(
            sku=row.sku,
            price_minor=minor(price),
            compare_at_minor=None if before is None else minor(before),
            stock=row.stock,
            options=row.options,
            barcode=row.barcode,
            weight_grams=self.weight_grams if row.weight_grams is None else row.weight_grams,
            images=pictures(row.images, (), draw),
        )


def repeated_skus(skus: Sequence[str]) -> dict[str, list[str]]:
    return {
        f"variants.{index}.sku": ["This SKU stands here twice."]
        for index, sku in enumerate(skus)
        if sku in skus[:index]
    }
