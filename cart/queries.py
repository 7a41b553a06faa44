"""A cart as it is shown: its lines with the catalogue's names, pictures and prices of this moment."""

from dataclasses import asdict, dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Prefetch
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from catalog.models import ProductImage, Variant
from catalog.queries import item_of
from inventory.errors import InsufficientStock
from inventory.models import StockItem
from pricing.operations import Customer, Destination, Evaluation, Freight, Item, Offers, PricedCart, Quote, evaluate
from pricing.operations import customer_key as key_of
from pricing.operations import quote as price
from pricing.queries import offers as offered
from shipping.queries import Option, options
from shipping.queries import served_countries as served
from shop.countries import countries
from shop.errors import DomainError

from . import store
from .models import CartSnapshot

SESSION_KEY = "cart"
DESTINATION_KEY = "destination"


@dataclass(frozen=True)
class CartLine:
    """One article. `problem` says in words why it can't be ordered as it stands; empty when it can."""

    item_id: str
    variant: Variant
    quantity: int
    unit_price_minor: int
    list_price_minor: int
    seen_price_minor: int
    added_at: datetime
    held_until: datetime | None
    available: int
    image: ProductImage | None

    @property
    def sku(self) -> str:
        return self.variant.sku

    @property
    def name(self) -> str:
        return self.variant.product.name

    @property
    def label(self) -> str:
        return self.variant.label

    @property
    def url(self) -> str:
        return f"{self.variant.product.get_absolute_url()}?variant={self.variant.public_id}"

    @property
    def subtotal_minor(self) -> int:
        return self.unit_price_minor * self.quantity

    @property
    def problem(self) -> str:
        if not (self.variant.is_active and self.variant.product.is_active):
            return "No longer sold."
        if self.available < self.quantity:
            return f"Only {self.available} left." if self.available else "Sold out."
        return ""


@dataclass(frozen=True)
class CartView:
    snapshot: CartSnapshot | None
    lines: tuple[CartLine, ...]

    @property
    def item_count(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def subtotal_minor(self) -> int:
        return sum(line.subtotal_minor for line in self.lines)

    @property
    def weight_grams(self) -> int:
        """An article whose weight nobody knows weighs nothing."""
        return sum((line.variant.weight_grams or 0) * line.quantity for line in self.lines)

    @property
    def coupon_codes(self) -> list[str]:
        return self.snapshot.coupon_codes if self.snapshot else []

    @property
    def has_problems(self) -> bool:
        return any(line.problem for line in self.lines)


def in_words(error: DomainError) -> str:
    """The error's text for a shopper, who knows articles by name and not by SKU."""
    if not isinstance(error, InsufficientStock):
        return error.text
    variant = Variant.objects.select_related("product").filter(sku=error.sku).first()
    name = str(variant or error.sku)
    return f"Only {error.available} left of {name}." if error.available else f"{name} is sold out."


def current(request: HttpRequest) -> CartSnapshot | None:
    """The open cart of the person or of the guest's session; None before the first article."""
    cart = None
    if request.user.is_authenticated:
        cart = CartSnapshot.objects.open().filter(user=request.user).first()
    elif public_id := request.session.get(SESSION_KEY):
        cart = store.read(public_id)
    return cart if cart and cart.state == CartSnapshot.State.OPEN else None


def view(cart: CartSnapshot | None, *, now: datetime, pictures: bool = True) -> CartView:
    """Three queries whatever the number of lines: variants with products, stock, and pictures for who shows them."""
    if cart is None or not cart.lines:
        return CartView(cart, ())
    skus = [line["sku"] for line in cart.lines]
    variants = {variant.sku: variant for variant in _variants(skus, pictures=pictures)}
    available = StockItem.objects.available_by_sku(skus)
    lines = []
    for line in cart.lines:
        if variant := variants.get(line["sku"]):
            held_until = datetime.fromisoformat(line["heldUntil"]) if line.get("heldUntil") else None
            held = held_until is not None and held_until > now
            lines.append(
                CartLine(
                    item_id=line["itemId"],
                    variant=variant,
                    quantity=line["quantity"],
                    unit_price_minor=variant.price_at(now),
                    list_price_minor=variant.compare_at(now) or variant.price_at(now),
                    seen_price_minor=line["priceMinor"],
                    added_at=datetime.fromisoformat(line["addedAt"]),
                    held_until=held_until if held else None,
                    available=available.get(variant.sku, 0) + (line["quantity"] if held else 0),
                    image=_image(variant) if pictures else None,
                )
            )
    return CartView(cart, tuple(lines))


def destination(request: HttpRequest) -> Destination:
    """Where this visitor's goods go as far as they have said; until then the shop's own country."""
    return Destination(**request.session.get(DESTINATION_KEY, {"country": settings.SHOP_COUNTRY}))


def served_countries() -> list[tuple[str, str]]:
    """Where something can be delivered, as (code, name), in the order of the names."""
    names = countries()
    return [(code, names[code]) for code in served(list(names))]


def remember_destination(request: HttpRequest, place: Destination) -> None:
    request.session[DESTINATION_KEY] = asdict(place)


def customer_of(user: User | AnonymousUser) -> Customer:
    """Whom the limits of promotions count. Whether it is their first order, checkout knows."""
    return Customer(key_of(user.email)) if user.is_authenticated else Customer()


def offers(cart: CartView, *, customer: Customer, now: datetime) -> Offers:
    """What promotions and the cart's codes offer; read once for all that is computed of it. At most three queries."""
    return offered(cart.coupon_codes, customer=customer, now=now)


def discounts(cart: CartView, *, offers: Offers, country: str = "") -> Evaluation:
    """What is off the goods, no delivery chosen; without a country in the shop's own."""
    goods = PricedCart(
        _items(cart, offers.now), None, country=country or settings.SHOP_COUNTRY, currency=settings.SHOP_CURRENCY
    )
    return evaluate(goods, offers)


def delivery_options(cart: CartView, *, destination: Destination, offers: Offers) -> list[Option]:
    """The ways of this cart to that place, priced; the first is what a buyer gets who names none.

    "Free from", tables and limits look at what the goods cost after discounts; promotions of the delivery come later.
    """
    off = discounts(cart, offers=offers, country=destination.country)
    return options(
        country=destination.country,
        region=destination.region,
        postal_code=destination.postal_code,
        goods_minor=cart.subtotal_minor - off.discount_minor,
        weight_grams=cart.weight_grams,
        quantity=cart.item_count,
        now=offers.now,
    )


def quote(cart: CartView, *, destination: Destination, option: Option | None, offers: Offers) -> Quote:
    """The cart's price for a destination and a way to deliver: what the pages show and what an order copies."""
    freight = option and Freight(option.code, option.name, option.price_minor, option.method.tax_class)
    return price(
        _items(cart, offers.now),
        destination=destination,
        freight=freight or None,
        currency=settings.SHOP_CURRENCY,
        prices_include_tax=settings.SHOP_PRICES_INCLUDE_TAX,
        day=timezone.localdate(offers.now),
        offers=offers,
    )


def _items(cart: CartView, now: datetime) -> tuple[Item, ...]:
    return tuple(item_of(line.variant, quantity=line.quantity, now=now) for line in cart.lines)


def _variants(skus: list[str], *, pictures: bool) -> list[Variant]:
    ready = ProductImage.objects.filter(state=ProductImage.State.READY).order_by("position", "id")
    rows = Variant.objects.filter(sku__in=skus).select_related(
        "product__tax_class", "product__category", "product__brand"
    )
    if pictures:
        rows = rows.prefetch_related(Prefetch("product__images", queryset=ready, to_attr="ready_images"))
    return list(rows)


def _image(variant: Variant) -> ProductImage | None:
    images: list[ProductImage] = variant.product.ready_images  # type: ignore[attr-defined]
    own = (image for image in images if image.variant_id == variant.pk)
    return next(own, images[0] if images else None)
