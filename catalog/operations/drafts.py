"""What writers bring: whole products to create, changes to products that exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Required, TypedDict

from .attributes import Scalar


@dataclass(frozen=True, slots=True)
class ImageDraft:
    """A picture: the address it is to be fetched from, or one that lies in the media storage already.

    A stored one comes with its `digest` and size; without digest `file` names a picture that the product has.
    """

    source_url: str = ""
    file: str = ""
    digest: str = ""
    width: int = 0
    height: int = 0
    alt: str = ""

    @property
    def key(self) -> str:
        return self.source_url or self.file


class VariantChanges(TypedDict, total=False):
    """What is named is replaced. `stock` is what can be bought afterwards; None leaves it alone."""

    sku: Required[str]
    price_minor: int
    compare_at_minor: int | None
    stock: int | None
    options: Mapping[str, Scalar]
    barcode: str
    weight_grams: int | None
    images: Sequence[ImageDraft]


class ProductChanges(TypedDict, total=False):
    """What is named is replaced. `variants` replaces by SKU: one that is missing is taken off sale."""

    name: str
    description: str
    category: str
    brand: str
    tax_class: str
    attributes: Mapping[str, Scalar]
    images: Sequence[ImageDraft]
    is_active: bool
    variants: Sequence[VariantChanges]


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """Money in minor units of the shop's currency. `stock` None: unknown, none to sell on creation."""

    sku: str
    price_minor: int
    compare_at_minor: int | None = None
    stock: int | None = None
    options: Mapping[str, Scalar] = field(default_factory=dict)
    barcode: str = ""
    weight_grams: int | None = None
    images: Sequence[ImageDraft] = ()

    def changes(self) -> VariantChanges:
        return {
            "sku": self.sku,
            "price_minor": self.price_minor,
            "compare_at_minor": self.compare_at_minor,
            "stock": self.stock,
            "options": dict(self.options),
            "barcode": self.barcode,
            "weight_grams": self.weight_grams,
            "images": self.images,
        }


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """A whole product. `category` is a public id, a slug path, a name path (`Table > Mugs`), a slug or a name."""

    name: str
    category: str
    variants: Sequence[VariantDraft]
    description: str = ""
    brand: str = ""
    tax_class: str = "standard"
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    images: Sequence[ImageDraft] = ()
    is_active: bool = True

    def changes(self) -> ProductChanges:
        """The draft as changes to a product that exists: everything is named."""
        return {
            "name": self.name,
            "description": self.description,
            "category": self.category,
            "brand": self.brand,
            "tax_class": self.tax_class,
            "attributes": dict(self.attributes),
            "images": self.images,
            "is_active": self.is_active,
            "variants": [variant.changes() for variant in self.variants],
        }
