"""What buyers think of a product, as the catalogue sorts and filters by it. Who collects their words stands above."""

from decimal import Decimal

from ..models import Product


def lock_rating(product: Product) -> None:
    """Until the caller's transaction ends nobody else counts this product's reviews. Locks: the product."""
    Product.objects.select_for_update(no_key=True).only("pk").get(pk=product.pk)


def set_rating(product: Product, *, average: Decimal, count: int) -> None:
    """Writes the average of 1 to 5 over `count` reviews; 0 of 0. The caller holds `lock_rating`."""
    product.rating_average, product.rating_count = average, count
    product.save(update_fields=["rating_average", "rating_count"])
