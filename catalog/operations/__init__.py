"""Every verb that changes the catalogue. The public door for importers, the admin and the API."""

from ..images import store as store_picture
from .attributes import Scalar, check_values
from .categories import make_category, refresh_category, resolve_category
from .drafts import ImageDraft, ProductChanges, ProductDraft, VariantChanges, VariantDraft
from .indexing import reindex
from .prices import apply_sales, forget_applied, reprice, reprice_one
from .products import create_product, refresh, replace_product, tell_created, withdraw_product
from .ratings import lock_rating, set_rating

__all__ = [
    "ImageDraft",
    "ProductChanges",
    "ProductDraft",
    "Scalar",
    "VariantChanges",
    "VariantDraft",
    "apply_sales",
    "check_values",
    "create_product",
    "forget_applied",
    "lock_rating",
    "make_category",
    "refresh",
    "refresh_category",
    "reindex",
    "replace_product",
    "reprice",
    "reprice_one",
    "resolve_category",
    "set_rating",
    "store_picture",
    "tell_created",
    "withdraw_product",
]
