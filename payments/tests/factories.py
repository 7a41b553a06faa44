"""Orders as checkout leaves them: priced by `quote()`, their stock allocated."""

from datetime import timedelta
from itertools import count

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from catalog import operations as catalog
from catalog.models import Category, Product, Variant
from inventory import operations as inventory
from orders import operations as orders
from orders.models import Order
from orders.operations import Contact
from pricing.models import TaxClass
from pricing.operations import Destination, Freight, Item, quote

_numbers = count(1)
ADDRESS = {
    "full_name": "Ada Byron", "line1": "Lindenallee 7", "line2": "", "city": "Berlin", "region": "",
    "postal_code": "10115", "country": "DE", "phone": "",
}  # fmt: skip


def make_variant(*, price_minor: int = 2400, stock: int = 10) -> Variant:
    number = next(_numbers)
    category = Category.objects.filter(slug="mugs").first()
    category = category or Category.objects.add_root(instance=Category(name="Mugs", slug="mugs", url_path="mugs"))
    tax_class = TaxClass.objects.get_or_create(code="standard", defaults={"name": "Standard rate"})[0]
    product = Product.objects.create(
        name=f"Mug {number}", slug=f"mug-{number}", category=category, tax_class=tax_class, price_minor=price_minor
    )
    variant = Variant.objects.create(product=product, sku=f"MUG-{number}", price_minor=price_minor)
    with transaction.atomic():
        catalog.refresh(product)
        inventory.receive(variant.sku, stock, reason="opening stock", actor="system")
    return variant


@transaction.atomic
def place_order(
    *,
    payment_method: str = "stripe",
    price_minor: int = 2400,
    quantity: int = 2,
    freight_minor: int = 490,
    prices_include_tax: bool = True,
    user: User | None = None,
) -> Order:
    now = timezone.now()
    variant = make_variant(price_minor=price_minor)
    item = Item(variant.sku, str(variant), quantity, price_minor, price_minor, "standard")
    priced = quote(
        [item],
        destination=Destination("DE"),
        freight=Freight("standard", "Parcel", freight_minor, "standard"),
        currency="EUR",
        prices_include_tax=prices_include_tax,
        day=now.date(),
    )
    number = next(_numbers)
    order = orders.create_order(
        priced,
        user=user,
        contact=Contact("ada@example.com"),
        shipping_address=ADDRESS,
        billing_address=ADDRESS,
        payment_method=payment_method,
        payment_due_at=now + timedelta(minutes=33),
        cart_reference=f"cart:{number}",
        idempotency_key=f"test:{number}",
        now=now,
    )
    inventory.allocate(order.cart_reference, order.reference, {variant.sku: quantity}, until=order.payment_due_at)
    return order
