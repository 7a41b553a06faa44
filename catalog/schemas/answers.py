"""What is answered of a product."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from shop.api import Answer, PagedEnvelope

from ..models import Product, ProductImage, Variant
from ..queries import Stock
from .values import number


class InventoryAnswer(Answer):
    quantity: int
    reserved: int
    available: int
    low_stock_threshold: int

    @classmethod
    def of(cls, stock: Stock) -> "InventoryAnswer":
        return cls(
            quantity=stock.on_hand,
            reserved=stock.reserved,
            available=stock.available,
            low_stock_threshold=stock.low_stock_threshold,
        )


class RatingAnswer(Answer):
    """`average` is of 1 to 5; null without a review."""

    average: float | None
    count: int


class VariantAnswer(Answer):
    variant_id: str
    sku: str
    price: float | int
    price_minor: int
    compare_at_price: float | int | None
    stock: int
    options: dict[str, Any]
    images: list[str]
    barcode: str
    weight_grams: int | None


class ProductAnswer(Answer):
    """Money is in `currency`. `stock` is what can be bought now, of all variants; `price` is the lowest of theirs."""

    product_id: str
    name: str
    slug: str
    description: str
    price: float | int
    price_minor: int
    compare_at_price: float | int | None
    currency: str
    category: str
    category_id: str
    category_path: str
    brand: str
    tax_class: str
    sku: str
    stock: int
    inventory: InventoryAnswer
    images: list[str]
    attributes: dict[str, Any]
    variants: list[VariantAnswer]
    rating: RatingAnswer
    recommendations: str
    is_active: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, product: Product, stock: Mapping[str, Stock]) -> "ProductAnswer":
        """Of a product read `with_details()`."""
        variants = product.active_variants
        total = sum((stock.get(variant.sku, Stock()) for variant in variants), Stock())
        cheapest = min(variants, key=lambda variant: variant.price_minor, default=None)
        before = cheapest.compare_at_minor if cheapest else None
        return cls(
            product_id=product.public_id,
            name=product.name,
            slug=product.slug,
            description=product.description,
            price=number(product.price_minor),
            price_minor=product.price_minor,
            compare_at_price=None if before is None else number(before),
            currency=settings.SHOP_CURRENCY,
            category=product.category.name,
            category_id=product.category.public_id,
            category_path=product.category.url_path,
            brand=product.brand.name if product.brand else "",
            tax_class=product.tax_class.code,
            sku=variants[0].sku if variants else "",
            stock=total.available,
            inventory=InventoryAnswer.of(total),
            images=addresses(product.all_images),
            attributes=product.attributes,
            variants=[_variant_answer(variant, product, stock) for variant in variants],
            rating=RatingAnswer(
                average=float(product.rating_average) if product.rating_count else None, count=product.rating_count
            ),
            recommendations=f"{settings.SHOP_BASE_URL}/api/products/{product.public_id}/recommendations",
            is_active=product.is_active,
            created_at=product.created_at,
            updated_at=product.updated_at,
        )


def _variant_answer(variant: Variant, product: Product, stock: Mapping[str, Stock]) -> VariantAnswer:
    before = variant.compare_at_minor
    return VariantAnswer(
        variant_id=variant.public_id,
        sku=variant.sku,
        price=number(variant.price_minor),
        price_minor=variant.price_minor,
        compare_at_price=None if before is None else number(before),
        stock=stock.get(variant.sku, Stock()).available,
        options=variant.options,
        images=addresses(image for image in product.all_images if image.variant_id == variant.pk),
        barcode=variant.barcode,
        weight_grams=variant.weight_grams,
    )


def addresses(images: Iterable[ProductImage]) -> list[str]:
    """Each picture's address as it was given, else where the shop serves it; once, although variants may share it."""
    given = (image.source_url or f"{settings.SHOP_BASE_URL}{image.file.url}" for image in images)
    return list(dict.fromkeys(given))


class WithdrawnAnswer(Answer):
    product_id: str
    is_active: bool


class FacetValueAnswer(Answer):
    value: str
    label: str
    count: int


class FacetAnswer(Answer):
    """`parameter` is the query parameter that chooses one of the values."""

    name: str
    parameter: str
    values: list[FacetValueAnswer]


class SearchEnvelope(PagedEnvelope[ProductAnswer]):
    """`didYouMean`: the words that were searched instead. `relaxed`: no product has all words; these have some."""

    facets: list[FacetAnswer] | None = None
    did_you_mean: str | None = None
    relaxed: bool = False
