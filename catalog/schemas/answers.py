"""What is answered of a product."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from django.conf import settings
from django.utils import timezone
from ninja import Field

from shop.api import Answer, PagedEnvelope

from ..models import Product, ProductImage, Variant
from ..queries import Stock, cheapest, lowest_prices, stock_of
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


class SaleAnswer(Answer):
    """A reduction. `name` and `endsAt` are a sale's; "" and null where staff gave a price before by hand.

    `lowestPrice30Days` is the lowest price of the 30 days before it; null for what never cost anything else.
    """

    name: str
    ends_at: datetime | None
    lowest_price_30_days: Annotated[float | int | None, Field(alias="lowestPrice30Days")]

    @classmethod
    def of(cls, variant: Variant, lowest: Mapping[int, int], now: datetime) -> "SaleAnswer | None":
        if variant.compare_at(now) is None:
            return None
        is_in_sale, low = variant.is_in_sale(now), lowest.get(variant.pk)
        return cls(
            name=variant.sale.name if variant.sale and is_in_sale else "",
            ends_at=variant.sale_until if is_in_sale else None,
            lowest_price_30_days=None if low is None else number(low),
        )


class VariantAnswer(Answer):
    variant_id: str
    sku: str
    price: float | int
    price_minor: int
    compare_at_price: float | int | None
    sale: SaleAnswer | None
    stock: int
    options: dict[str, Any]
    images: list[str]
    barcode: str
    weight_grams: int | None


class ProductAnswer(Answer):
    """Money is in `currency`. `stock` is what can be bought now, of all variants; `price` is the lowest of theirs.

    During a sale `price` is what is asked and `compareAtPrice` the list price.
    """

    product_id: str
    name: str
    slug: str
    description: str
    price: float | int
    price_minor: int
    compare_at_price: float | int | None
    sale: SaleAnswer | None
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
    def of(
        cls, product: Product, stock: Mapping[str, Stock], *, lowest: Mapping[int, int], now: datetime
    ) -> "ProductAnswer":
        """Of a product read `with_details()`, with the stock by SKU and the `lowest_prices` of its variants."""
        variants = product.active_variants
        total = sum((stock.get(variant.sku, Stock()) for variant in variants), Stock())
        variant = cheapest(product, now)
        price = variant.price_at(now) if variant else product.price_minor
        before = variant.compare_at(now) if variant else None
        return cls(
            product_id=product.public_id,
            name=product.name,
            slug=product.slug,
            description=product.description,
            price=number(price),
            price_minor=price,
            compare_at_price=None if before is None else number(before),
            sale=SaleAnswer.of(variant, lowest, now) if variant else None,
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
            variants=[_variant_answer(row, product, stock, lowest, now) for row in variants],
            rating=RatingAnswer(
                average=float(product.rating_average) if product.rating_count else None, count=product.rating_count
            ),
            recommendations=f"{settings.SHOP_BASE_URL}/api/products/{product.public_id}/recommendations",
            is_active=product.is_active,
            created_at=product.created_at,
            updated_at=product.updated_at,
        )


def product_answers(products: Sequence[Product]) -> list[ProductAnswer]:
    """Of products read `with_details()`, in two queries for all of them: stock, and lowest prices of those reduced."""
    now = timezone.now()
    variants = [variant for product in products for variant in product.active_variants]
    stock = stock_of(variant.sku for variant in variants)
    lowest = lowest_prices(variant for variant in variants if variant.compare_at(now) is not None)
    return [ProductAnswer.of(product, stock, lowest=lowest, now=now) for product in products]


def _variant_answer(
    variant: Variant, product: Product, stock: Mapping[str, Stock], lowest: Mapping[int, int], now: datetime
) -> VariantAnswer:
    price, before = variant.price_at(now), variant.compare_at(now)
    return VariantAnswer(
        variant_id=variant.public_id,
        sku=variant.sku,
        price=number(price),
        price_minor=price,
        compare_at_price=None if before is None else number(before),
        sale=SaleAnswer.of(variant, lowest, now),
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
