from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone

from shipping.queries import options as delivery_options

from ..models import Attribute, Category, Product, ProductImage, Variant
from .cards import attributes_of, gallery, shown, swatch_of
from .prices import lowest_to_tell
from .stock import Stock, stock_of, stock_word

CANDIDATES = 100

# Until midnight reads as a day too late: the last minute is told.
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class AxisOption:
    """`exists`: some variant has it with what was chosen on the axes before. `available`: that one can be bought."""

    value: str
    url: str
    selected: bool
    exists: bool
    available: bool
    swatch: str


@dataclass(frozen=True, slots=True)
class Axis:
    name: str
    code: str
    options: Sequence[AxisOption]


@dataclass(frozen=True, slots=True)
class Delivery:
    first: date
    last: date
    name: str
    price_minor: int
    free_from_minor: int | None
    time_left: str
    is_pickup: bool


@dataclass(frozen=True, slots=True)
class ProductPage:
    product: Product
    variants: Sequence[Variant]
    selected: Variant | None
    axes: Sequence[Axis]
    images: Sequence[ProductImage]
    image: ProductImage | None
    price_minor: int
    compare_at_minor: int | None
    lowest_minor: int | None
    sale: str
    sale_until: datetime | None
    available: int
    stock_word: str
    facts: Sequence[tuple[str, str]]
    delivery: Delivery | None
    breadcrumbs: Sequence[tuple[str, str]]
    hold_minutes: int
    max_quantity: int


def product_page(product: Product, *, variant: str = "", image: str = "", now: datetime | None = None) -> ProductPage:
    """Everything the page of a product read `with_details()` shows.

    `variant` is a public id or SKU, `image` a number from 1. A choice that does not exist is passed
    over: the first variant that can be bought is shown.
    """
    now = now or timezone.now()
    variants = product.active_variants
    stock = stock_of(row.sku for row in variants)
    attributes = attributes_of([product])
    selected = _selected(variants, stock, variant)
    images = _images(product, selected)
    available = stock.get(selected.sku, Stock()).available if selected else 0
    price = selected.price_at(now) if selected else product.price_minor
    in_sale = selected if selected and selected.is_in_sale(now) else None
    return ProductPage(
        product=product,
        variants=variants,
        selected=selected,
        axes=_axes(product, variants, selected, attributes, stock) if selected else [],
        images=images,
        image=images[min(int(image), len(images)) - 1] if images and _is_place(image) else next(iter(images), None),
        price_minor=price,
        compare_at_minor=selected.compare_at(now) if selected else None,
        lowest_minor=lowest_to_tell([selected], now).get(selected.pk) if selected else None,
        sale=in_sale.sale.name if in_sale and in_sale.sale else "",
        sale_until=in_sale.sale_until - MINUTE if in_sale and in_sale.sale_until else None,
        available=available,
        stock_word=stock_word(available),
        facts=_facts(product, attributes),
        delivery=_delivery(selected, price, now) if selected and available else None,
        breadcrumbs=[*trail(product.category), (product.name, "")],
        hold_minutes=settings.SHOP_HOLD_MINUTES if settings.SHOP_HOLD_STOCK_AT == "cart" else 0,
        max_quantity=min(settings.SHOP_MAX_QUANTITY, available),
    )


def trail(category: Category) -> list[tuple[str, str]]:
    """The way from the first level to this category, as (name, address); one query."""
    step = Category.steplen
    paths = [category.path[:end] for end in range(step, len(category.path) + 1, step)]
    return [(node.name, node.get_absolute_url()) for node in Category.objects.filter(path__in=paths).order_by("path")]


def similar_to(product: Product, count: int) -> list[int]:
    """Ids of products of the same part of the shop that can be bought, first those that share most with this one.

    One query. It knows nothing of what people buy, so it also serves a shop that opened today.
    """
    near = Product.objects.buyable().exclude(pk=product.pk)
    depth = max(1, product.category.depth - 1)
    near = near.filter(category__path__startswith=product.category.path[: depth * Category.steplen])
    rows = near.order_by("-id").values_list("pk", "category_id", "attributes", "price_minor")[:CANDIDATES]

    def distance(row: tuple[int, int, dict[str, object], int]) -> tuple[bool, int, int]:
        shared = sum(row[2].get(code) == value for code, value in product.attributes.items())
        return row[1] != product.category_id, -shared, abs(row[3] - product.price_minor)

    return [row[0] for row in sorted(rows, key=distance)[:count]]


def _selected(variants: Sequence[Variant], stock: Mapping[str, Stock], wanted: str) -> Variant | None:
    asked = [variant for variant in variants if wanted in {variant.public_id, variant.sku}]
    here = [variant for variant in variants if stock.get(variant.sku, Stock()).available]
    return next(iter([*asked, *here, *variants]), None)


def _facts(product: Product, attributes: Mapping[str, Attribute]) -> list[tuple[str, str]]:
    known = [(attributes[code], product.attributes[code]) for code in attributes if code in product.attributes]
    return [(attribute.name, shown(attribute, value)) for attribute, value in known]


def _images(product: Product, selected: Variant | None) -> list[ProductImage]:
    """The selected variant's pictures and those of no variant in particular; without own ones, all."""
    own = [image for image in product.all_images if selected and image.variant_id == selected.pk]
    own = gallery(own)
    common = [image for image in product.all_images if image.variant_id is None]
    return gallery([*own, *common]) if own else gallery(product.all_images)


def _is_place(text: str) -> bool:
    return len(text) < 5 and text.isascii() and text.isdigit() and int(text) > 0


def _axes(
    product: Product,
    variants: Sequence[Variant],
    selected: Variant,
    attributes: Mapping[str, Attribute],
    stock: Mapping[str, Stock],
) -> list[Axis]:
    codes = [code for code in attributes if any(code in variant.options for variant in variants)]
    axes = []
    for place, code in enumerate(codes):
        before = {earlier: selected.options.get(earlier) for earlier in codes[:place]}
        values = {variant.options[code]: None for variant in variants if code in variant.options}
        options = [_option(product, variants, selected, attributes[code], value, before, stock) for value in values]
        axes.append(Axis(attributes[code].name, code, options))
    return axes


def _option(
    product: Product,
    variants: Sequence[Variant],
    selected: Variant,
    attribute: Attribute,
    value: object,
    before: Mapping[str, object],
    stock: Mapping[str, Stock],
) -> AxisOption:
    having = [variant for variant in variants if variant.options.get(attribute.code) == value]
    fitting = [row for row in having if all(row.options.get(code) == chosen for code, chosen in before.items())]

    def agreement(variant: Variant) -> int:
        return sum(variant.options.get(code) == chosen for code, chosen in selected.options.items())

    target = max(fitting or having, key=agreement)
    return AxisOption(
        value=shown(attribute, value),
        url=f"{product.get_absolute_url()}?{urlencode({'variant': target.sku})}",
        selected=selected.options.get(attribute.code) == value,
        exists=bool(fitting),
        available=stock.get(target.sku, Stock()).available > 0,
        swatch=swatch_of(attribute, value),
    )


def _delivery(variant: Variant, price_minor: int, now: datetime) -> Delivery | None:
    """The usual way to the shop's own country: nobody's own, as the page is the same for all."""
    found = delivery_options(
        country=settings.SHOP_COUNTRY, goods_minor=price_minor, weight_grams=variant.weight_grams or 0, now=now
    )
    for option in found:
        return Delivery(
            option.first,
            option.last,
            option.name,
            option.price_minor,
            option.method.free_from_minor,
            time_left=option.estimate.time_left(now),
            is_pickup=option.method.is_pickup,
        )
    return None
