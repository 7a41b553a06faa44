from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count

from accounts.models import User
from catalog.models import Product
from orders.models import Order, OrderLine
from shop.paging import Page

from .errors import ReviewNotFound
from .models import Review, ReviewQuerySet

LATEST = 3
ARRIVED = (Order.Status.SHIPPED, Order.Status.DELIVERED)
SORTS = [("newest", "Newest"), ("highest", "Highest rating"), ("lowest", "Lowest rating")]
ORDERS = {
    "newest": ("-created_at", "-id"),
    "highest": ("-rating", "-created_at", "-id"),
    "lowest": ("rating", "-created_at", "-id"),
}


@dataclass(frozen=True)
class Bar:
    """One row of the histogram: how many of the reviews gave so many stars."""

    stars: int
    count: int
    percent: int


@dataclass(frozen=True)
class Histogram:
    bars: Sequence[Bar]
    total: int

    @property
    def average(self) -> Decimal | None:
        points = sum(bar.stars * bar.count for bar in self.bars)
        return (Decimal(points) / self.total).quantize(Decimal("0.01")) if self.total else None


def histogram(product: Product) -> Histogram:
    """Five bars, the best first; one query."""
    rows = Review.objects.filter(product=product).published().order_by()
    counts = dict(rows.values_list("rating").annotate(count=Count("pk")))
    total = sum(counts.values())
    bars = [Bar(stars, counts.get(stars, 0), counts.get(stars, 0) * 100 // max(1, total)) for stars in range(5, 0, -1)]
    return Histogram(bars, total)


def shown(product: Product) -> ReviewQuerySet:
    """The product's published reviews with all that a page or an answer says of them."""
    return Review.objects.filter(product=product).published().select_related("user")


def page_of(
    reviews: ReviewQuerySet, *, counts: Histogram, rating: int | None, sort: str, limit: int, offset: int
) -> Page[Review]:
    """One query: the histogram knows how many there are."""
    if rating is not None:
        reviews = reviews.filter(rating=rating)
    total = counts.total if rating is None else next(bar.count for bar in counts.bars if bar.stars == rating)
    rows = list(reviews.order_by(*ORDERS[sort])[offset : offset + limit])
    return Page(rows, limit=limit, offset=offset, total=total)


def purchase_of(product: Product, user: User) -> OrderLine | None:
    """The latest of this person's order lines that the product came with and whose parcel has left."""
    lines = OrderLine.objects.filter(variant__product=product, order__user=user, order__status__in=ARRIVED)
    return lines.order_by("-id").first()


def own_review(product: Product, user: User) -> Review | None:
    return Review.objects.written_by(user).filter(product=product).select_related("product", "user").first()


def get_own(public_id: str, user: User) -> Review:
    """Raises ReviewNotFound for another's, exactly as for one that never was."""
    return _found(Review.objects.written_by(user), public_id)


def get_published(public_id: str) -> Review:
    """Raises ReviewNotFound."""
    return _found(Review.objects.published(), public_id)


def _found(reviews: ReviewQuerySet, public_id: str) -> Review:
    review = reviews.filter(public_id=public_id).select_related("product", "user").first()
    if review is None:
        raise ReviewNotFound
    return review


def reviews_of(user: Any) -> ReviewQuerySet:
    """What a person wrote, the newest first."""
    return Review.objects.written_by(user).select_related("product", "user")


def to_review(user: User) -> Sequence[Product]:
    """Products that this person has received and said nothing of yet, the latest first; at most twelve."""
    bought = OrderLine.objects.filter(order__user=user, order__status__in=ARRIVED).order_by("-id")
    ids = list(dict.fromkeys(bought.values_list("variant__product_id", flat=True)[:100]))
    written = set(Review.objects.written_by(user).values_list("product_id", flat=True))
    found = Product.objects.published().in_bulk([pk for pk in ids if pk not in written][:12])
    return sorted(found.values(), key=lambda product: ids.index(product.pk))
