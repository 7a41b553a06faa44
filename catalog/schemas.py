"""The JSON contract of products: what may be sent, what is answered."""

import contextlib
import re
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from ninja import Field
from pydantic import AfterValidator, BeforeValidator, StrictBool, StrictInt, WithJsonSchema

from shop.api import Answer, Body, Line, PagedEnvelope, Price, Text
from shop.errors import InvalidInput
from shop.money import to_minor, to_number

from .images import is_public
from .models import Product, ProductImage, Variant
from .operations import ImageDraft, ProductChanges, ProductDraft, VariantChanges, VariantDraft
from .queries import Stock

MAX_UNITS = 10**9
MAX_VARIANTS, MAX_IMAGES, MAX_ATTRIBUTES, MAX_OPTIONS = 100, 50, 100, 5
Draw = Callable[[str], ImageDraft]


# --- Values


def _below_the_most(price: Decimal) -> Decimal:
    if price >= MAX_UNITS:
        raise ValueError(f"Must be below {MAX_UNITS}.")
    return price


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("Must be one line of printable characters.")
    return text


def _scalar(value: Any) -> Any:
    if isinstance(value, str):
        if len(value) > 500:
            raise ValueError("At most 500 characters.")
        return value
    if isinstance(value, bool):
        return value
    if not isinstance(value, int | float | Decimal):
        raise ValueError("Must be a text, a number, true or false.")
    # `abs()` rounds to the context, where 1e999999999 overflows.
    if Decimal(value).copy_abs() >= 10**15:
        raise ValueError("Must be a number below 10^15.")
    return value


def _public_web_address(url: str) -> str:
    """Refuses what is nobody's public picture by the look of it; the fetcher checks where a name leads."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        valid = parts.scheme in {"http", "https"} and bool(host) and parts.username is None and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[\s\x00-\x20\x7f\\]", url):
        raise ValueError("Must be an http or https address.")
    if not url.startswith(media_address()) and not _may_be_public(host):
        raise ValueError("Must be a public address.")
    return url


def _may_be_public(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return False
    with contextlib.suppress(ValueError):
        return is_public(host)
    try:
        # The C library also reads 2130706433, 0x7f.1 and 127.1 as addresses.
        return is_public(socket.inet_ntoa(socket.inet_aton(host)))
    except (OSError, UnicodeError):
        return "." in host


Name = Annotated[Line, AfterValidator(_one_line), Field(min_length=1)]
Sku = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._/-]+$")]
Barcode = Annotated[str, Field(pattern=r"^([0-9]{8,14})?$")]
UnitPrice = Annotated[Price, AfterValidator(_below_the_most)]
Units = Annotated[StrictInt, Field(ge=0, le=MAX_UNITS)]
Grams = Annotated[StrictInt, Field(ge=0, le=10**8)]
Code = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
Scalar = Annotated[Any, BeforeValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean"]})]
ImageAddress = Annotated[str, Field(max_length=1000), AfterValidator(_public_web_address)]
Attributes = Annotated[dict[Code, Scalar], Field(max_length=MAX_ATTRIBUTES)]
Options = Annotated[dict[Code, Scalar], Field(max_length=MAX_OPTIONS)]
Images = Annotated[list[ImageAddress], Field(max_length=MAX_IMAGES)]
Alts = Annotated[list[Annotated[Line, AfterValidator(_one_line)]], Field(max_length=MAX_IMAGES)]
CategoryName = Annotated[str, AfterValidator(_one_line), Field(min_length=1, max_length=500)]
BrandName = Annotated[str, AfterValidator(_one_line), Field(max_length=120)]
TaxClassCode = Annotated[str, Field(max_length=32, pattern=r"^[a-z0-9_-]+$")]


def minor(price: Decimal) -> int:
    return to_minor(price, settings.SHOP_CURRENCY)


def number(price_minor: int) -> float | int:
    return to_number(price_minor, settings.SHOP_CURRENCY)


def media_address() -> str:
    return f"{settings.SHOP_BASE_URL}{settings.MEDIA_URL}"


def picture_at(address: str) -> ImageDraft:
    """A picture by its address; one that this shop answered itself means the stored file."""
    if address.startswith(media_address()):
        return ImageDraft(file=unquote(address.removeprefix(media_address())))
    return ImageDraft(source_url=address)


def pictures(addresses: Sequence[str], alts: Sequence[str], draw: Draw) -> list[ImageDraft]:
    texts = [*alts, *[""] * len(addresses)]
    drafts = [draw(address) for address in addresses]
    return [_with_alt(draft, alt) for draft, alt in zip(drafts, texts, strict=False)]


def _with_alt(draft: ImageDraft, alt: str) -> ImageDraft:
    return ImageDraft(draft.source_url, draft.file, draft.digest, draft.width, draft.height, alt or draft.alt)


# --- POST


class VariantBody(Body):
    """`price` and `compareAtPrice` default to the product's."""

    sku: Sku
    price: UnitPrice | None = None
    compare_at_price: UnitPrice | None = None
    stock: Units | None = None
    options: Options = {}
    images: Images = []
    barcode: Barcode = ""
    weight_grams: Grams | None = None


class ProductBody(Body):
    """A product to create. One without `variants` is bought as it is and has its own `sku`, `price` and `stock`."""

    name: Name
    description: Text = ""
    category: CategoryName
    brand: BrandName = ""
    tax_class: TaxClassCode = "standard"
    attributes: Attributes = {}
    images: Images = []
    image_alts: Alts = []
    is_active: StrictBool = True
    sku: Sku | None = None
    price: UnitPrice | None = None
    compare_at_price: UnitPrice | None = None
    stock: Units | None = None
    barcode: Barcode = ""
    weight_grams: Grams | None = None
    variants: Annotated[list[VariantBody], Field(min_length=1, max_length=MAX_VARIANTS)] | None = None

    def draft(self, draw: Draw = picture_at) -> ProductDraft:
        """What is to be created. `draw` says what picture an entry of `images` means. Raises InvalidInput."""
        return ProductDraft(
            name=self.name,
            description=self.description,
            category=self.category,
            brand=self.brand,
            tax_class=self.tax_class,
            attributes=self.attributes,
            images=pictures(self.images, self.image_alts, draw),
            is_active=self.is_active,
            variants=self._variants(draw) if self.variants else [self._only_variant()],
        )

    def _only_variant(self) -> VariantDraft:
        missing = {name: ["Field required"] for name in ("sku", "price") if getattr(self, name) is None}
        if missing or self.sku is None or self.price is None:
            raise InvalidInput(fields=missing)
        return VariantDraft(
            sku=self.sku,
            price_minor=minor(self.price),
            compare_at_minor=None if self.compare_at_price is None else minor(self.compare_at_price),
            stock=self.stock,
            barcode=self.barcode,
            weight_grams=self.weight_grams,
        )

    def _variants(self, draw: Draw) -> list[VariantDraft]:
        rows = self.variants or []
        wrong = {name: ["Give it with each variant."] for name in ("sku", "stock", "barcode") if getattr(self, name)}
        wrong |= repeated_skus(rows)
        for index, row in enumerate(rows):
            if row.price is None and self.price is None:
                wrong[f"variants.{index}.price"] = ["Field required"]
        if wrong:
            raise InvalidInput(fields=wrong)
        return [self._variant(row, draw) for row in rows]

    def _variant(self, row: VariantBody, draw: Draw) -> VariantDraft:
        price = self.price if row.price is None else row.price
        before = self.compare_at_price if row.compare_at_price is None else row.compare_at_price
        assert price is not None
        return VariantDraft(
            sku=row.sku,
            price_minor=minor(price),
            compare_at_minor=None if before is None else minor(before),
            stock=row.stock,
            options=row.options,
            barcode=row.barcode,
            weight_grams=self.weight_grams if row.weight_grams is None else row.weight_grams,
            images=pictures(row.images, (), draw),
        )


def repeated_skus(rows: Iterable["VariantBody | VariantPut"]) -> dict[str, list[str]]:
    skus = [row.sku for row in rows]
    return {
        f"variants.{index}.sku": ["This SKU stands here twice."]
        for index, sku in enumerate(skus)
        if sku in skus[:index]
    }


# --- PUT

# What a body does not name; `model_fields_set` tells it from what it names.
UNNAMED: Any = None


class VariantPut(Body):
    """What is named is replaced. What only GET says is accepted and passed over."""

    sku: Sku
    price: UnitPrice = UNNAMED
    compare_at_price: UnitPrice | None = None
    stock: Units = UNNAMED
    options: Options = UNNAMED
    images: Images = UNNAMED
    barcode: Barcode = UNNAMED
    weight_grams: Grams | None = None

    variant_id: Any = UNNAMED
    price_minor: Any = UNNAMED

    def changes(self) -> VariantChanges:
        changes: VariantChanges = {"sku": self.sku}
        named = self.model_fields_set
        if "options" in named:
            changes["options"] = self.options
        if "images" in named:
            changes["images"] = pictures(self.images, (), picture_at)
        return changes | articles(self)  # type: ignore[return-value]


class ProductPut(Body):
    """What is named is replaced; `variants` replaces by SKU and takes missing ones off sale.

    GET's answer can be sent back.
    `sku`, `price`, `stock` and their like belong to a product with one variant; with several they are read from those.
    """

    name: Name = UNNAMED
    description: Text = UNNAMED
    category: CategoryName = UNNAMED
    brand: BrandName = UNNAMED
    tax_class: TaxClassCode = UNNAMED
    attributes: Attributes = UNNAMED
    images: Images = UNNAMED
    image_alts: Alts = UNNAMED
    is_active: StrictBool = UNNAMED
    sku: Sku = UNNAMED
    price: UnitPrice = UNNAMED
    compare_at_price: UnitPrice | None = None
    stock: Units = UNNAMED
    barcode: Barcode = UNNAMED
    weight_grams: Grams | None = None
    variants: Annotated[list[VariantPut], Field(min_length=1, max_length=MAX_VARIANTS)] = UNNAMED

    product_id: Any = UNNAMED
    slug: Any = UNNAMED
    price_minor: Any = UNNAMED
    currency: Any = UNNAMED
    category_id: Any = UNNAMED
    category_path: Any = UNNAMED
    inventory: Any = UNNAMED
    rating: Any = UNNAMED
    created_at: Any = UNNAMED
    updated_at: Any = UNNAMED

    def changes(self, product: Product, stock: Mapping[str, Stock]) -> ProductChanges:
        """What the body names, for a product read `with_details()`. Raises InvalidInput."""
        named = self.model_fields_set
        plain = ("name", "description", "category", "brand", "tax_class", "attributes", "is_active")
        changes: dict[str, Any] = {name: getattr(self, name) for name in plain if name in named}
        if "images" in named:
            changes["images"] = pictures(self.images, self.image_alts or (), picture_at)
        elif "image_alts" in named:
            raise InvalidInput(fields={"imageAlts": ["Give `images` with them."]})
        if variants := self._variants(product, stock):
            changes["variants"] = variants
        return changes  # type: ignore[return-value]

    def _variants(self, product: Product, stock: Mapping[str, Stock]) -> list[VariantChanges]:
        rows = [row.changes() for row in self.variants or ()]
        if wrong := repeated_skus(self.variants or ()):
            raise InvalidInput(fields=wrong)
        own = articles(self)
        present = product.active_variants
        if len(present) == 1 and len(rows) <= 1:
            return [self._only_variant(present[0], own, rows, stock)] if own or rows or self.sku else []
        if own and not rows:
            raise InvalidInput(fields={name: ["Give it with each variant."] for name in self._sent(own)})
        return rows

    def _only_variant(
        self,
        variant: Variant,
        own: Mapping[str, Any],
        rows: Sequence[VariantChanges],
        stock: Mapping[str, Stock],
    ) -> VariantChanges:
        """One variant said twice, beside `sku` and under `variants`: what differs from what is stored is meant."""
        row: dict[str, Any] = dict(rows[0]) if rows else {"sku": variant.sku}
        if self.sku not in {None, variant.sku}:
            raise InvalidInput(fields={"sku": ["A SKU can't be changed: stock and orders know it."]})
        stored = {
            "price_minor": variant.price_minor,
            "compare_at_minor": variant.compare_at_minor,
            "barcode": variant.barcode,
            "weight_grams": variant.weight_grams,
            "stock": stock.get(variant.sku, Stock()).available,
        }
        same = row["sku"] == variant.sku
        for name, value in own.items() if same else ():
            if name not in row or row[name] == stored[name]:
                row[name] = value
            elif value not in (stored[name], row[name]):
                fields = {sent: ["Differs from the variant's."] for sent in self._sent([name])}
                raise InvalidInput(fields=fields)
        return row  # type: ignore[return-value]

    @staticmethod
    def _sent(names: Iterable[str]) -> list[str]:
        sent = {"price_minor": "price", "compare_at_minor": "compareAtPrice", "weight_grams": "weightGrams"}
        return [sent.get(name, name) for name in names]


def articles(body: ProductPut | VariantPut) -> dict[str, Any]:
    """The values of a variant that the body names, in the operation's words."""
    named = body.model_fields_set
    values: dict[str, Any] = {
        name: getattr(body, name) for name in ("stock", "barcode", "weight_grams") if name in named
    }
    if "price" in named:
        values["price_minor"] = minor(body.price)
    if "compare_at_price" in named:
        values["compare_at_minor"] = None if body.compare_at_price is None else minor(body.compare_at_price)
    return values


# --- Answers


class InventoryAnswer(Answer):
    quantity: int
    reserved: int
    available: int
    low_stock_threshold: int

    @classmethod
    def of(cls, stock: Stock) -> "InventoryAnswer":
        return cls(
            quantity=stock.on_hand,
            reserved=stock.reserved,
            available=stock.available,
            low_stock_threshold=stock.low_stock_threshold,
        )


class VariantAnswer(Answer):
    variant_id: str
    sku: str
    price: float | int
    price_minor: int
    compare_at_price: float | int | None
    stock: int
    options: dict[str, Any]
    images: list[str]
    barcode: str
    weight_grams: int | None


class ProductAnswer(Answer):
    """Money is in `currency`. `stock` is what can be bought now, of all variants; `price` is the lowest of theirs."""

    product_id: str
    name: str
    slug: str
    description: str
    price: float | int
    price_minor: int
    compare_at_price: float | int | None
    currency: str
    category: str
    category_id: str
    category_path: str
    brand: str
    tax_class: str
    sku: str
    stock: int
    inventory: InventoryAnswer
    images: list[str]
    attributes: dict[str, Any]
    variants: list[VariantAnswer]
    is_active: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, product: Product, stock: Mapping[str, Stock]) -> "ProductAnswer":
        """Of a product read `with_details()`."""
        variants = product.active_variants
        total = sum((stock.get(variant.sku, Stock()) for variant in variants), Stock())
        cheapest = min(variants, key=lambda variant: variant.price_minor, default=None)
        before = cheapest.compare_at_minor if cheapest else None
        return cls(
            product_id=product.public_id,
            name=product.name,
            slug=product.slug,
            description=product.description,
            price=number(product.price_minor),
            price_minor=product.price_minor,
            compare_at_price=None if before is None else number(before),
            currency=settings.SHOP_CURRENCY,
            category=product.category.name,
            category_id=product.category.public_id,
            category_path=product.category.url_path,
            brand=product.brand.name if product.brand else "",
            tax_class=product.tax_class.code,
            sku=variants[0].sku if variants else "",
            stock=total.available,
            inventory=InventoryAnswer.of(total),
            images=addresses(product.all_images),
            attributes=product.attributes,
            variants=[_variant_answer(variant, product, stock) for variant in variants],
            is_active=product.is_active,
            created_at=product.created_at,
            updated_at=product.updated_at,
        )


def _variant_answer(variant: Variant, product: Product, stock: Mapping[str, Stock]) -> VariantAnswer:
    before = variant.compare_at_minor
    return VariantAnswer(
        variant_id=variant.public_id,
        sku=variant.sku,
        price=number(variant.price_minor),
        price_minor=variant.price_minor,
        compare_at_price=None if before is None else number(before),
        stock=stock.get(variant.sku, Stock()).available,
        options=variant.options,
        images=addresses(image for image in product.all_images if image.variant_id == variant.pk),
        barcode=variant.barcode,
        weight_grams=variant.weight_grams,
    )


def addresses(images: Iterable[ProductImage]) -> list[str]:
    """Each picture's address as it was given, else where the shop serves it; once, although variants may share it."""
    given = (image.source_url or f"{settings.SHOP_BASE_URL}{image.file.url}" for image in images)
    return list(dict.fromkeys(given))


class WithdrawnAnswer(Answer):
    product_id: str
    is_active: bool


class FacetValueAnswer(Answer):
    value: str
    label: str
    count: int


class FacetAnswer(Answer):
    """`parameter` is the query parameter that chooses one of the values."""

    name: str
    parameter: str
    values: list[FacetValueAnswer]


class SearchEnvelope(PagedEnvelope[ProductAnswer]):
    """`didYouMean`: the words that were searched instead. `relaxed`: no product has all words; these have some."""

    facets: list[FacetAnswer] | None = None
    did_you_mean: str | None = None
    relaxed: bool = False
