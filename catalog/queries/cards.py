from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from ..models import Attribute, Product, ProductImage, Variant
from .prices import lowest_to_tell
from .stock import Stock, stock_of, stock_word

NEW_FOR = timedelta(days=30)
NEW_AT_MOST = 8
FACTS_ON_CARD = 2


@dataclass(frozen=True, slots=True)
class Card:
    """A product as lists show it. Prices are those of its cheapest variant."""

    product: Product
    url: str
    image: ProductImage | None
    price_minor: int
    compare_at_minor: int | None
    lowest_minor: int | None
    price_varies: bool
    fact: str
    swatches: Sequence[tuple[str, str]]
    available: int
    stock_word: str
    is_new: bool


def cards(products: Sequence[Product], *, now: datetime | None = None) -> list[Card]:
    """Cards for products read `with_details()`, in four queries: stock, attributes, lowest prices, what is new."""
    now = now or timezone.now()
    stock = stock_of(variant.sku for product in products for variant in product.active_variants)
    attributes = attributes_of(products)
    since = _new_since(now) if products else None
    variants = [variant for product in products if (variant := cheapest(product, now))]
    lowest = lowest_to_tell(variants, now)
    return [_card(product, stock, attributes, lowest, since, now) for product in products]


def cheapest(product: Product, now: datetime) -> Variant | None:
    """The variant whose prices stand for a product read `with_details()`."""
    return min(product.active_variants, key=lambda variant: variant.price_at(now), default=None)


def newest(count: int) -> list[Card]:
    return cards(list(Product.objects.published().with_details().order_by("-created_at", "-id")[:count]))


def attributes_of(products: Iterable[Product]) -> dict[str, Attribute]:
    """Every attribute that the products or their variants have, by code, in display order."""
    codes = {code for product in products for code in product.attributes}
    codes |= {code for product in products for variant in product.active_variants for code in variant.options}
    return {attribute.code: attribute for attribute in Attribute.objects.filter(code__in=codes)}


def shown(attribute: Attribute, value: Any) -> str:
    """A value for people: `12 cm`, `Yes`."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return f"{value} {attribute.unit}".strip()


def swatch_of(attribute: Attribute, value: Any) -> str:
    return next((choice.get("swatch", "") for choice in attribute.choices if choice.get("value") == value), "")


def gallery(images: Iterable[ProductImage]) -> list[ProductImage]:
    """The pictures that can be shown, each once although several variants may share it."""
    ready = (image for image in images if image.state == ProductImage.State.READY and image.file)
    return list({image.file.name: image for image in reversed(list(ready))}.values())[::-1]


def _card(
    product: Product,
    stock: Mapping[str, Stock],
    attributes: Mapping[str, Attribute],
    lowest: Mapping[int, int],
    since: datetime | None,
    now: datetime,
) -> Card:
    variants = product.active_variants
    variant = cheapest(product, now)
    available = sum(stock.get(variant.sku, Stock()).available for variant in variants)
    return Card(
        product=product,
        url=product.get_absolute_url(),
        image=next(iter(gallery(product.all_images)), None),
        price_minor=variant.price_at(now) if variant else product.price_minor,
        compare_at_minor=variant.compare_at(now) if variant else None,
        lowest_minor=lowest.get(variant.pk) if variant else None,
        price_varies=len({each.price_at(now) for each in variants}) > 1,
        fact=_fact(product, attributes),
        swatches=_swatches(variants, attributes),
        available=available,
        stock_word=stock_word(available),
        is_new=since is not None and product.created_at >= since,
    )


def _fact(product: Product, attributes: Mapping[str, Attribute]) -> str:
    telling = [
        shown(attribute, product.attributes[code])
        for code, attribute in attributes.items()
        if code in product.attributes and not isinstance(product.attributes[code], bool)
    ]
    return ", ".join([text for text in telling if len(text) <= 40][:FACTS_ON_CARD])


def _swatches(variants: Sequence[Variant], attributes: Mapping[str, Attribute]) -> list[tuple[str, str]]:
    pairs = {
        (str(value), swatch_of(attributes[code], value))
        for variant in variants
        for code, value in variant.options.items()
        if code in attributes
    }
    order = {str(value): place for place, variant in enumerate(variants) for value in variant.options.values()}
    return sorted((pair for pair in pairs if pair[1]), key=lambda pair: order[pair[0]])


def _new_since(now: datetime) -> datetime:
    """New are the last few of the last month: in a shop that opened today not everything is."""
    latest = Product.objects.published().filter(created_at__gte=now - NEW_FOR).order_by("-created_at", "-id")
    dates = list(latest.values_list("created_at", flat=True)[:NEW_AT_MOST])
    return dates[-1] if dates else now
