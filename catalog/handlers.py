"""What the catalogue does about events, in the worker."""

from typing import Any

from . import images
from .models import ProductImage


def fetch_image(payload: dict[str, Any]) -> None:
    """`image.added`: a picture was given by address. Nothing happens when it was fetched or removed meanwhile."""
    image = ProductImage.objects.filter(pk=payload["image_id"], state=ProductImage.State.PENDING).first()
    if image:
        images.fetch_remote(image)
