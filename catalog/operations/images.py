"""The pictures of a product: which it has, in which order, and which variant each shows."""

from collections.abc import Mapping, Sequence

from shop import outbox
from shop.errors import InvalidInput

from ..models import Product, ProductImage, Variant
from .drafts import ImageDraft, ProductChanges

NOBODY: list[Variant | None] = [None]


def set_images(product: Product, changes: ProductChanges) -> None:
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
            tell_added(row)


def tell_added(image: ProductImage) -> None:
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
