"""Products written by the API, the admin and importers, through one door."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from inventory import operations as inventory
from pricing.models import TaxClass
from shop import outbox
from shop.errors import Conflict, InvalidInput, PreconditionFailed

from ..models import Brand, Product, ProductImage, Variant
from ..search import get_backend
from .attributes import check_values
from .categories import resolve_category
from .drafts import ProductChanges, ProductDraft, VariantChanges, VariantDraft
from .images import set_images, tell_added
from .indexing import reindex
from .prices import SYSTEM, reprice


class DuplicateSku(Conflict):
    code = "duplicate_sku"
    text = "Another product has this SKU."


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
    _insert(product)
    _set_variants(product, changes["variants"])
    set_images(product, changes)
    _project(product, actor=actor)
    tell_created(product)
    _receive_opening_stock(draft.variants, actor=actor)
    return product


@transaction.atomic
def replace_product(
    product: Product,
    changes: ProductChanges,
    *,
    actor: str,
    expected_versions: Collection[int] | None = None,
    make_missing: bool = False,
) -> Product:
    """Replaces what `changes` names and leaves the rest. Returns the product as it is now.

    `expected_versions`: of which it must have one; None: any will do.
    Errors: InvalidInput, DuplicateSku, PreconditionFailed, inventory's StockBelowZero.
    Locks: the product, then stock rows by SKU, last.
    """
    product = _locked(product, expected_versions)
    known = set(product.variants.values_list("sku", flat=True))
    _check_values(changes)
    _describe(product, changes, make_missing=make_missing)
    if "variants" in changes:
        _set_variants(product, changes["variants"])
    set_images(product, changes)
    _touch(product)
    product.save(update_fields=[*DESCRIBED, "version", "updated_at"])
    _project(product, actor=actor)
    _set_stock(changes.get("variants", ()), known, actor=actor)
    return product


@transaction.atomic
def withdraw_product(product: Product, *, actor: str, expected_versions: Collection[int] | None = None) -> Product:
    """Takes the product out of every list; orders keep it. Nothing happens the second time.

    `expected_versions` as in `replace_product`. Errors: PreconditionFailed. Locks: the product.
    """
    product = _locked(product, expected_versions)
    if product.is_active:
        product.is_active = False
        _touch(product)
        product.save(update_fields=["is_active", "version", "updated_at"])
        get_backend().remove([product.pk])
    return product


@transaction.atomic
def refresh(product: Product, *, actor: str = SYSTEM) -> Product:
    """Makes everything that is derived right again after rows were edited one by one, as the admin does.

    Each variant on sale gets a stock item. Locks: the product.
    """
    product = Product.objects.select_for_update(no_key=True).get(pk=product.pk)
    _touch(product)
    product.save(update_fields=["version", "updated_at"])
    for image in product.images.filter(state=ProductImage.State.PENDING, file=""):
        tell_added(image)
    _project(product, actor=actor)
    for sku in product.variants.filter(is_active=True).order_by("sku").values_list("sku", flat=True):
        inventory.ensure_item(sku)
    return product


def tell_created(product: Product) -> None:
    """Records `product.created`, once for each product."""
    outbox.publish("product.created", key=f"product.created:{product.public_id}", payload={"product_id": product.pk})


# --- Rows


def _locked(product: Product, expected_versions: Collection[int] | None) -> Product:
    """Compared under the lock: of two editors who read the same version, the second is refused."""
    product = Product.objects.select_for_update(no_key=True).get(pk=product.pk)
    if expected_versions is not None and product.version not in expected_versions:
        raise PreconditionFailed
    return product


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


# --- Derived values and stock


def _touch(product: Product) -> None:
    product.version += 1
    product.updated_at = timezone.now()


def _project(product: Product, *, actor: str) -> None:
    """Prices and search text; in this order, since it is the stored product that is searched."""
    reprice([product.pk], now=timezone.now(), actor=actor)
    product.refresh_from_db(fields=["price_minor", "updated_at"])
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
