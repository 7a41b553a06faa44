"""Products written by the API, the admin and importers, through one door."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Required, TypedDict

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from inventory import operations as inventory
from pricing.models import TaxClass
from shop import outbox
from shop.errors import Conflict, DomainError, InvalidInput

from ..models import Brand, Product, ProductImage, Variant
from ..search import get_backend
from .attributes import Scalar, check_values
from .categories import resolve_category
from .indexing import reindex


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


class DuplicateSku(Conflict):
    code = "duplicate_sku"
    text = "Another product has this SKU."


class VersionMismatch(DomainError):
    code = "version_mismatch"
    status = 412
    text = "The product has changed meanwhile. Read it again."


# --- Verbs


@transaction.atomic
def create_product(draft: ProductDraft, *, actor: str, make_missing: bool = False) -> Product:
    """Puts a new product into the catalogue, its stock into the ledger, and tells `product.created`.

    An unknown brand or attribute is made; an unknown category only with `make_missing`.
    Errors: InvalidInput, DuplicateSku. Locks: stock rows by SKU, last.
    """
    product = Product()
    changes = draft.changes()
    _check_values(changes)
    _describe(product, changes, make_missing=make_missing)
    product.price_minor = min(variant.price_minor for variant in draft.variants)
    _insert(product)
    _set_variants(product, changes["variants"])
    _set_images(product, changes)
    reindex([product])
    tell_created(product)
    _receive_opening_stock(draft.variants, actor=actor)
    return product


@transaction.atomic
def replace_product(
    product: Product,
    changes: ProductChanges,
    *,
    actor: str,
    expected_version: int | None = None,
    make_missing: bool = False,
) -> Product:
    """Replaces what `changes` names and leaves the rest. Returns the product as it is now.

    Errors: InvalidInput, DuplicateSku, VersionMismatch, inventory's StockBelowZero.
    Locks: the product, then stock rows by SKU, last.
    """
    product = Product.objects.select_for_update(no_key=True).get(pk=product.pk)
    if expected_version is not None and expected_version != product.version:
        raise VersionMismatch
    known = set(product.variants.values_list("sku", flat=True))
    _check_values(changes)
    _describe(product, changes, make_missing=make_missing)
    if "variants" in changes:
        _set_variants(product, changes["variants"])
    _set_images(product, changes)
    _touch(product)
    product.save(update_fields=[*DESCRIBED, "version", "updated_at"])
    _project(product)
    _set_stock(changes.get("variants", ()), known, actor=actor)
    return product


@transaction.atomic
def withdraw_product(product: Product, *, actor: str) -> Product:
    """Takes the product out of every list; orders keep it. Nothing happens the second time. Locks: the product."""
    product = Product.objects.select_for_update(no_key=True).get(pk=product.pk)
    if product.is_active:
        product.is_active = False
        _touch(product)
        product.save(update_fields=["is_active", "version", "updated_at"])
        get_backend().remove([product.pk])
    return product


@transaction.atomic
def refresh(product: Product) -> Product:
    """Makes everything that is derived right again after rows were edited one by one, as the admin does.

    Each variant on sale gets a stock item. Locks: the product.
    """
    product = Product.objects.select_for_update(no_key=True).get(pk=product.pk)
    _touch(product)
    product.save(update_fields=["version", "updated_at"])
    for image in product.images.filter(state=ProductImage.State.PENDING, file=""):
        _tell_added(image)
    _project(product)
    for sku in product.variants.filter(is_active=True).order_by("sku").values_list("sku", flat=True):
        inventory.ensure_item(sku)
    return product


def tell_created(product: Product) -> None:
    """Records `product.created`, once for each product."""
    outbox.publish("product.created", key=f"product.created:{product.public_id}", payload={"product_id": product.pk})


# --- Rows

DESCRIBED = ("name", "description", "category", "brand", "tax_class", "attributes", "is_active")


def _describe(product: Product, changes: ProductChanges, *, make_missing: bool) -> None:
    if "name" in changes:
        product.name = changes["name"]
    if "description" in changes:
        product.description = changes["description"]
    if "attributes" in changes:
        product.attributes = dict(changes["attributes"])
    if "is_active" in changes:
        product.is_active = changes["is_active"]
    # A read sent back names its category by name, which may be ambiguous: the present one is meant.
    if "category" in changes and (product._state.adding or changes["category"] != product.category.name):
        product.category = resolve_category(changes["category"], make_missing=make_missing)
    if "brand" in changes:
        product.brand = _brand(changes["brand"])
    if "tax_class" in changes:
        product.tax_class = _tax_class(changes["tax_class"])


def _brand(name: str) -> Brand | None:
    if not name:
        return None
    found = Brand.objects.filter(name__iexact=name).order_by("id").first()
    if found:
        return found
    fresh = Brand(name=name)
    slug = slugify(name)
    taken = not slug or Brand.objects.filter(slug=slug).exists()
    fresh.slug = f"{slug}-{fresh.public_id[-6:].lower()}".lstrip("-") if taken else slug
    # Two writers may bring the same new brand at once: the second takes the first one's row.
    return Brand.objects.get_or_create(name=name, defaults={"slug": fresh.slug})[0]


def _tax_class(code: str) -> TaxClass:
    try:
        return TaxClass.objects.get(code=code)
    except TaxClass.DoesNotExist:
        raise InvalidInput(fields={"taxClass": ["There is no such tax class."]}) from None


def _insert(product: Product) -> None:
    """Takes the name as slug, or the name and part of the public id when another product has it already."""
    plain = slugify(product.name)[:200]
    tail = product.public_id[-8:].lower()
    unique = f"{plain}-{tail}".lstrip("-")
    try:
        with transaction.atomic():
            product.slug = plain or unique
            product.save(force_insert=True)
    except IntegrityError:
        product.slug = unique
        product.save(force_insert=True)


def _set_variants(product: Product, wanted: Sequence[VariantChanges]) -> None:
    present = {variant.sku: variant for variant in product.variants.all()}
    fresh: list[Variant] = []
    kept: list[Variant] = []
    for position, changes in enumerate(wanted):
        variant = present.pop(changes["sku"], None)
        (kept if variant else fresh).append(_variant(variant or Variant(product=product), position, changes))
    for variant in present.values():
        variant.is_active = False
    _check_variants(fresh, kept)
    Variant.objects.bulk_update([*kept, *present.values()], VARIANT_FIELDS)
    try:
        with transaction.atomic():
            Variant.objects.bulk_create(fresh)
    except IntegrityError:
        raise _duplicate_sku(product, wanted) from None


NOBODY: list[Variant | None] = [None]
VARIANT_FIELDS = ["price_minor", "compare_at_minor", "options", "barcode", "weight_grams", "position", "is_active"]


def _variant(variant: Variant, position: int, changes: VariantChanges) -> Variant:
    values: Mapping[str, Any] = changes
    for name in ("sku", "price_minor", "compare_at_minor", "options", "barcode", "weight_grams"):
        if name in values:
            setattr(variant, name, values[name])
    variant.position, variant.is_active = position, True
    return variant


def _check_variants(fresh: Sequence[Variant], kept: Sequence[Variant]) -> None:
    wrong: dict[str, list[str]] = {}
    combinations: dict[str, int] = {}
    for variant in sorted([*fresh, *kept], key=lambda variant: variant.position):
        field = f"variants.{variant.position}"
        if variant.price_minor is None:
            wrong[f"{field}.price"] = ["A new variant needs a price."]
        elif variant.compare_at_minor is not None and variant.compare_at_minor <= variant.price_minor:
            wrong[f"{field}.compareAtPrice"] = ["Must be above the price."]
        combination = repr(sorted(variant.options.items()))
        if combination in combinations:
            wrong[f"{field}.options"] = [f"Variant {combinations[combination]} has the same options."]
        combinations.setdefault(combination, variant.position)
    if wrong:
        raise InvalidInput(fields=wrong)


def _duplicate_sku(product: Product, wanted: Sequence[VariantChanges]) -> DuplicateSku:
    skus = [variant["sku"] for variant in wanted]
    taken = set(Variant.objects.filter(sku__in=skus).exclude(product=product).values_list("sku", flat=True))
    fields = {f"variants.{index}.sku": [DuplicateSku.text] for index, sku in enumerate(skus) if sku in taken}
    return DuplicateSku(fields=fields or {"sku": [DuplicateSku.text]})


def _check_values(changes: ProductChanges) -> None:
    """Validates attribute values and options together, in one query, and puts the checked ones into `changes`."""
    groups: dict[str, Mapping[str, Any]] = {}
    axes: set[str] = set()
    if "attributes" in changes:
        groups["attributes"] = changes["attributes"]
    for index, variant in enumerate(changes.get("variants", ())):
        if "options" in variant:
            groups[f"variants.{index}.options"] = variant["options"]
            axes |= variant["options"].keys()
    checked = check_values(groups, axes=axes)
    if "attributes" in changes:
        changes["attributes"] = checked["attributes"]
    for index, variant in enumerate(changes.get("variants", ())):
        if "options" in variant:
            variant["options"] = checked[f"variants.{index}.options"]


# --- Pictures


def _set_images(product: Product, changes: ProductChanges) -> None:
    """Makes the product's pictures the ones named, in this order; a variant's pictures are linked to it."""
    if "images" not in changes and not any("images" in variant for variant in changes.get("variants", ())):
        return
    present = list(product.images.order_by("position", "id"))
    by_key = {_draft_of(image).key: image for image in reversed(present)}
    spare = list(present)
    rows: list[ProductImage] = []
    fresh: list[ProductImage] = []
    for position, (draft, variant) in enumerate(_wanted_images(product, changes, present)):
        row = _take(spare, draft.key, variant) or _new_image(product, draft, by_key)
        row.variant, row.position, row.alt = variant, position, draft.alt or row.alt
        (rows if row.pk else fresh).append(row)
    ProductImage.objects.filter(pk__in=[row.pk for row in spare]).delete()
    ProductImage.objects.bulk_update(rows, ["variant", "position", "alt"])
    for row in ProductImage.objects.bulk_create(fresh):
        if row.state == ProductImage.State.PENDING:
            _tell_added(row)


def _tell_added(image: ProductImage) -> None:
    outbox.publish("image.added", key=f"image.added:{image.pk}", payload={"image_id": image.pk})


def _wanted_images(
    product: Product, changes: ProductChanges, present: Sequence[ProductImage]
) -> list[tuple[ImageDraft, Variant | None]]:
    """Pictures in gallery order, each with the variant that it shows; one that several share comes once for each."""
    gallery = {draft.key: draft for draft in changes.get("images", [_draft_of(image) for image in present])}
    variants = {variant.sku: variant for variant in product.variants.all()}
    shown_by: dict[str, list[Variant | None]] = {key: [] for key in gallery}
    named = {variant["sku"]: variant["images"] for variant in changes.get("variants", ()) if "images" in variant}
    for sku, variant in variants.items():
        pictures = named.get(sku, [_draft_of(image) for image in present if image.variant_id == variant.pk])
        for draft in pictures:
            if sku in named or draft.key in gallery:
                gallery.setdefault(draft.key, draft)
                shown_by.setdefault(draft.key, []).append(variant)
    return [(draft, variant) for key, draft in gallery.items() for variant in (shown_by[key] or NOBODY)]


def _draft_of(image: ProductImage) -> ImageDraft:
    return ImageDraft(source_url=image.source_url, file=image.file.name or "", alt=image.alt)


def _take(spare: list[ProductImage], key: str, variant: Variant | None) -> ProductImage | None:
    """The present row for this picture, best the one that shows the same variant; it is spare no longer."""
    rows = [row for row in spare if key in {row.source_url, row.file.name}]
    rows.sort(key=lambda row: row.variant_id != (variant.pk if variant else None))
    if rows:
        spare.remove(rows[0])
        return rows[0]
    return None


def _new_image(product: Product, draft: ImageDraft, present: Mapping[str, ProductImage]) -> ProductImage:
    row = ProductImage(product=product, source_url=draft.source_url, alt=draft.alt)
    if twin := present.get(draft.key):
        row.file, row.digest, row.width, row.height = twin.file.name, twin.digest, twin.width, twin.height
        row.state = twin.state
    elif draft.digest:
        row.file, row.digest, row.width, row.height = draft.file, draft.digest, draft.width, draft.height
        row.state = ProductImage.State.READY
    elif not draft.source_url:
        raise InvalidInput(fields={"images": ["This address is not a picture of this product."]})
    return row


# --- Derived values and stock


def _touch(product: Product) -> None:
    product.version += 1
    product.updated_at = timezone.now()


def _project(product: Product) -> None:
    prices = product.variants.filter(is_active=True).values_list("price_minor", flat=True)
    lowest = min(prices, default=product.price_minor)
    if lowest != product.price_minor:
        product.price_minor = lowest
        product.save(update_fields=["price_minor"])
    reindex([product])


def _receive_opening_stock(variants: Sequence[VariantDraft], *, actor: str) -> None:
    for variant in sorted(variants, key=lambda variant: variant.sku):
        if variant.stock:
            inventory.receive(variant.sku, variant.stock, reason="opening stock", actor=actor)
        else:
            inventory.ensure_item(variant.sku)


def _set_stock(variants: Sequence[VariantChanges], known: set[str], *, actor: str) -> None:
    for variant in sorted(variants, key=lambda variant: variant["sku"]):
        stock = variant.get("stock")
        if stock is None:
            inventory.ensure_item(variant["sku"])
        elif variant["sku"] in known:
            inventory.set_available(variant["sku"], stock, reason="set with the product", actor=actor)
        elif stock:
            inventory.receive(variant["sku"], stock, reason="opening stock", actor=actor)
        else:
            inventory.ensure_item(variant["sku"])
