"""What the catalogue does about events, in the worker."""

from typing import Any

from django.utils import timezone

from . import images, operations
from .models import ProductImage


def fetch_image(payload: dict[str, Any]) -> None:
    """`image.added`: a picture was given by address. Nothing happens when it was fetched or removed meanwhile."""
    image = ProductImage.objects.filter(pk=payload["image_id"], state=ProductImage.State.PENDING).first()
    if image:
        images.fetch_remote(image)


def apply_sales(payload: dict[str, Any]) -> None:
    """`promotion.changed`: staff look at the shop right after; the job would come within the minute.

    What a large sale leaves for that job must not keep the events that wait behind this one.
    """
    operations.apply_sales(timezone.now(), seconds=5)


def price_created(payload: dict[str, Any]) -> None:
    """`product.created`: sales that were applied while the product was being made have not seen it."""
    operations.reprice_one(payload["product_id"], now=timezone.now())
