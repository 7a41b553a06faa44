"""Every verb that changes the catalogue. The public door for importers, the admin and the API."""

from .categories import make_category, refresh_category, resolve_category
from .products import (
    ImageDraft,
    ProductChanges,
    ProductDraft,
    Scalar,
    VariantChanges,
    VariantDraft,
    create_product,
    refresh,
    reindex,
    replace_product,
    withdraw_product,
)

__all__ = [
    "ImageDraft",
    "ProductChanges",
    "ProductDraft",
    "Scalar",
    "VariantChanges",
    "VariantDraft",
    "create_product",
    "make_category",
    "refresh",
    "refresh_category",
    "reindex",
    "replace_product",
    "resolve_category",
    "withdraw_product",
]
