"""Orders of the past, so that something can be learnt."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.models import User
from catalog.models import Category, Product
from catalog.tests.factories import CategoryFactory, ProductFactory, TaxClassFactory, VariantFactory
from checkout.tests.factories import order_in
from orders.models import Order


def make_products(count: int, category: Category | None = None, **values: Any) -> list[Product]:
    category = category or CategoryFactory.create()
    tax_class = TaxClassFactory.create()
    made = []
    for _ in range(count):
        product = ProductFactory.create(category=category, tax_class=tax_class)
        made.append(VariantFactory.create(product=product, stock=100, **values).product)
    return made


def order_of(*products: Product, user: User | None = None, at: datetime | None = None, **values: Any) -> Order:
    """Placed at that time; of no person unless one is given."""
    variants = [product.variants.get() for product in products]
    order = order_in(values.pop("status", "confirmed"), *variants, user=user, quantity=1, **values)
    Order.objects.filter(pk=order.pk).update(placed_at=at or timezone.now())
    return order
