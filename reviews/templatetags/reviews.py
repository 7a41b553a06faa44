"""How a product's page, which stands below, shows what buyers wrote: templates are composition, Python is not."""

from typing import Any

from django import template
from django.conf import settings

from catalog.models import Product
from reviews import queries

register = template.Library()


@register.inclusion_tag("reviews/_of_product.html")
def reviews_of(product: Product) -> dict[str, Any]:
    """The histogram and the latest few. One query without reviews, else two."""
    counts = queries.histogram(product)
    latest = list(queries.shown(product)[: queries.LATEST]) if counts.total else []
    return {"product": product, "histogram": counts, "latest": latest, "shop_name": settings.SHOP_NAME}
