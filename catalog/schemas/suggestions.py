"""What a search box shows while somebody types."""

from collections.abc import Mapping

from django.conf import settings
from django.utils import timezone
from ninja import Field, Schema

from shop.api import Answer, Line

from ..models import Category, Product
from ..queries import Stock, Suggestions, cheapest, stock_of
from .answers import addresses
from .values import number

MAX_SUGGESTED = 10


class SuggestQuery(Schema):
    q: Line = Field("", description="What has been typed so far.")
    limit: int = Field(8, ge=1, le=MAX_SUGGESTED)


class SuggestedProduct(Answer):
    product_id: str
    name: str
    slug: str
    price: float | int
    price_minor: int
    currency: str
    image: str | None
    stock: int

    @classmethod
    def of(cls, product: Product, stock: Mapping[str, Stock]) -> "SuggestedProduct":
        now = timezone.now()
        variant = cheapest(product, now)
        price = variant.price_at(now) if variant else product.price_minor
        return cls(
            product_id=product.public_id,
            name=product.name,
            slug=product.slug,
            price=number(price),
            price_minor=price,
            currency=settings.SHOP_CURRENCY,
            image=next(iter(addresses(product.all_images)), None),
            stock=sum(stock.get(variant.sku, Stock()).available for variant in product.active_variants),
        )


class SuggestedCategory(Answer):
    category_id: str
    name: str
    path: str

    @classmethod
    def of(cls, category: Category) -> "SuggestedCategory":
        return cls(category_id=category.public_id, name=category.name, path=category.url_path)


class SuggestionsAnswer(Answer):
    """`didYouMean` is the corrected text that was searched instead; absent when it was searched as typed."""

    products: list[SuggestedProduct]
    categories: list[SuggestedCategory]
    did_you_mean: str | None

    @classmethod
    def of(cls, found: Suggestions) -> "SuggestionsAnswer":
        stock = stock_of(variant.sku for product in found.products for variant in product.active_variants)
        return cls(
            products=[SuggestedProduct.of(product, stock) for product in found.products],
            categories=[SuggestedCategory.of(category) for category in found.categories],
            did_you_mean=found.corrected or None,
        )
