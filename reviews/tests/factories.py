"""Purchases that arrived, and what buyers say of them, through the shop's own verbs."""

from typing import Any

from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.models import Product, Variant
from checkout.tests.factories import make_variant, order_in
from reviews import operations
from reviews.models import Review
from reviews.operations import Opinion


def bought(user: User, variant: Variant | None = None, status: str = "delivered") -> Product:
    variant = variant or make_variant()
    order_in(status, variant, user=user, quantity=1)
    return variant.product


def review_of(product: Product, user: User | None = None, *, approved: bool = True, **values: Any) -> Review:
    """Of a buyer made for it unless one is given, who has received the product."""
    user = user or UserFactory.create()
    if not _has_bought(product, user):
        bought(user, product.variants.get())
    now = values.pop("now", None) or timezone.now()
    said: dict[str, Any] = {"rating": 4, "title": "Fine", "text": "It does what it should."}
    opinion = Opinion(**said | values)
    review = operations.write_review(product, opinion, user=user, now=now)
    return operations.approve(review, now=now) if approved else review


def _has_bought(product: Product, user: User) -> bool:
    return user.orders.filter(lines__variant__product=product).exists()
