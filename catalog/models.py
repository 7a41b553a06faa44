from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Exists, OuterRef, Prefetch, Q
from django.urls import reverse
from django.utils import timezone
from treebeard.mp_tree import MP_Node

from inventory.models import AVAILABLE, StockItem
from pricing.models import Promotion, TaxClass
from shop.ids import PublicIdField


class Category(MP_Node):
    """A node of the category tree. `path` is treebeard's; `url_path` is the slugs from the root: `table/mugs`."""

    public_id = PublicIdField("cat")
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=120)
    url_path = models.CharField(max_length=500, unique=True, editable=False)
    description = models.TextField(blank=True)
    image = models.FileField(upload_to="categories/", blank=True)

    node_order_by: list[str] = []

    class Meta:
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("catalog:category", args=[self.url_path])


class Brand(models.Model):
    public_id = PublicIdField("brand")
    name = models.CharField(max_length=120, unique=True)
    slug = models.SlugField(max_length=120, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Attribute(models.Model):
    """A property that products or variants have, and how its values read: `material`, `capacity`, `color`."""

    class Kind(models.TextChoices):
        TEXT = "text"
        NUMBER = "number"
        BOOLEAN = "boolean"
        CHOICE = "choice"

    code = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.TEXT)
    unit = models.CharField(max_length=16, blank=True)
    choices = models.JSONField(
        default=list, blank=True, help_text='For choices: [{"value": "Teal", "swatch": "#1f4f54"}, ...]'
    )
    is_filterable = models.BooleanField("filterable", default=True)
    is_axis = models.BooleanField("variant axis", default=False, help_text="Variants of one product differ in it.")
    position = models.PositiveSmallIntegerField(default=100)

    class Meta:
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name


class ProductQuerySet(models.QuerySet["Product"]):
    def published(self) -> Self:
        return self.filter(is_active=True)

    def buyable(self) -> Self:
        """Published, with units of some variant at this moment."""
        units = StockItem.objects.annotate(units=AVAILABLE).filter(shortfall=0, units__gt=0, sku=OuterRef("sku"))
        here = Variant.objects.filter(Exists(units), product=OuterRef("pk"), is_active=True)
        return self.published().filter(Exists(here))

    def visible_to(self, user: Any) -> Self:
        """Staff who edit products see the withdrawn ones too."""
        return self if user.is_staff and user.has_perm("catalog.change_product") else self.published()

    def in_category(self, category: Category) -> Self:
        """The category and everything below it."""
        return self.filter(category__path__startswith=category.path)

    def with_details(self) -> Self:
        """Everything that a card, a product page or an API answer shows, in a constant number of queries."""
        variants = Variant.objects.filter(is_active=True).select_related("sale").order_by("position", "id")
        return self.select_related("category", "brand", "tax_class").prefetch_related(
            Prefetch("variants", queryset=variants, to_attr="active_variants"),
            Prefetch("images", queryset=ProductImage.objects.order_by("position", "id"), to_attr="all_images"),
        )


class Product(models.Model):
    """What is browsed. What is bought is a `Variant`; a simple product has one."""

    public_id = PublicIdField("prod")
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=220, unique=True)
    description = models.TextField(blank=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, null=True, blank=True, related_name="products")
    tax_class = models.ForeignKey(TaxClass, on_delete=models.PROTECT)
    attributes = models.JSONField(default=dict, blank=True, help_text="Values by attribute code.")
    is_active = models.BooleanField("published", default=True)
    # The lowest price asked for one of its variants, for sorting and filtering; `verify_invariants` compares it.
    price_minor = models.PositiveBigIntegerField("price", default=0, editable=False)
    # Projections of what buyers wrote, kept by `set_rating`.
    rating_average = models.DecimalField(max_digits=3, decimal_places=2, default=0, db_default=0, editable=False)
    rating_count = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    search = SearchVectorField(null=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ProductQuerySet.as_manager()

    active_variants: list["Variant"]
    all_images: list["ProductImage"]

    class Meta:
        indexes = [
            models.Index(fields=["price_minor", "id"], name="product_price", condition=Q(is_active=True)),
            models.Index(fields=["-created_at", "-id"], name="product_newest", condition=Q(is_active=True)),
            models.Index(fields=["name", "id"], name="product_name", condition=Q(is_active=True)),
            models.Index(
                fields=["-rating_average", "-rating_count", "-id"], name="product_rating", condition=Q(is_active=True)
            ),
            GinIndex(fields=["search"], name="product_search"),
            GinIndex(fields=["name"], name="product_name_trigram", opclasses=["gin_trgm_ops"]),
        ]
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("catalog:product", args=[self.slug])


# Cheaper than before: by a sale that runs, or by a price before that staff gave.
REDUCED = Q(sale_price_minor__isnull=False) | Q(compare_at_minor__isnull=False)


class VariantQuerySet(models.QuerySet["Variant"]):
    def purchasable(self) -> Self:
        return self.filter(is_active=True, product__is_active=True)


class Variant(models.Model):
    """What is bought: one SKU with its price and its place on the product's axes.

    `price_minor` is the list price. What is asked for it at a moment is `price_at`, and never more than that.
    """

    public_id = PublicIdField("var")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants")
    sku = models.CharField("SKU", max_length=64, unique=True)
    barcode = models.CharField("EAN", max_length=14, blank=True)
    options = models.JSONField(default=dict, blank=True, help_text='Values by axis: {"color": "Teal"}.')
    price_minor = models.PositiveBigIntegerField("price", help_text="In minor units: 2400 is 24.00.")
    compare_at_minor = models.PositiveBigIntegerField("price before", null=True, blank=True)
    # What the sale that holds makes of the list price, written by `reprice` alone.
    sale_price_minor = models.PositiveBigIntegerField(null=True, editable=False)
    sale_until = models.DateTimeField(null=True, editable=False)
    sale = models.ForeignKey(
        Promotion, on_delete=models.SET_NULL, null=True, editable=False, related_name="+", db_index=False
    )
    weight_grams = models.PositiveIntegerField(null=True, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField("on sale", default=True)

    objects = VariantQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(compare_at_minor__isnull=True) | Q(compare_at_minor__gt=models.F("price_minor")),
                name="variant_was_dearer",
            ),
            models.CheckConstraint(condition=Q(price_minor__lt=10**13), name="variant_price_in_range"),
        ]
        indexes = [
            models.Index(fields=["product"], name="variant_reduced", condition=REDUCED),
        ]

    def __str__(self) -> str:
        return f"{self.product.name}, {self.label}" if self.label else self.product.name

    @property
    def label(self) -> str:
        """The chosen options for people: `Harbour, Large`."""
        return ", ".join(str(value) for value in self.options.values())

    @property
    def currency(self) -> str:
        return settings.SHOP_CURRENCY

    @property
    def tags(self) -> frozenset[str]:
        """What a promotion's targets are matched with. Reads product, category and brand."""
        product, levels = self.product, self.product.category.url_path.split("/")
        tags = {f"sku:{self.sku}", f"product:{product.public_id}"}
        tags |= {f"category:{'/'.join(levels[:depth])}" for depth in range(1, len(levels) + 1)}
        return frozenset(tags | {f"brand:{product.brand.slug}"} if product.brand else tags)

    def is_in_sale(self, now: datetime) -> bool:
        """A sale ends with its minute, whether or not the job has been here yet."""
        return self.sale_price_minor is not None and (self.sale_until is None or now < self.sale_until)

    def price_at(self, now: datetime) -> int:
        """What is asked for one, in minor units."""
        return self.sale_price_minor if self.sale_price_minor is not None and self.is_in_sale(now) else self.price_minor

    def compare_at(self, now: datetime) -> int | None:
        """The price that is struck through beside it: the list price during a sale, else what staff gave."""
        return self.price_minor if self.is_in_sale(now) else self.compare_at_minor


class PriceChange(models.Model):
    """From `at` on, until the variant's next one, this was asked. Append-only: the law asks what a price was before."""

    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="price_changes", db_index=False)
    price_minor = models.PositiveBigIntegerField("price")
    compare_at_minor = models.PositiveBigIntegerField("price before", null=True)
    sale = models.CharField(max_length=100, blank=True, help_text="The sale's name as it was.")
    actor = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["variant", "-id"], name="price_change_latest")]

    def __str__(self) -> str:
        return f"{self.price_minor} from {self.at}"


class Repricing(models.Model):
    """How far the prices have followed the sales: one row, locked by whoever takes the next step."""

    rules = models.CharField(max_length=64, default="", help_text="SHA-256 of the sales that are being applied.")
    as_of = models.DateTimeField()
    # Products in the order of their keys: those up to here are done.
    done_up_to = models.BigIntegerField(default=0)
    products = models.PositiveIntegerField(default=0)
    is_complete = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.products} products as of {self.as_of}"


class ProductImage(models.Model):
    """A picture: uploaded, or fetched by a worker from the address that was given. Shown once `file` is there."""

    class State(models.TextChoices):
        PENDING = "pending"
        READY = "ready"
        FAILED = "failed"

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="images")
    variant = models.ForeignKey(Variant, on_delete=models.SET_NULL, null=True, blank=True, related_name="images")
    source_url = models.URLField(max_length=1000, blank=True)
    file = models.FileField(upload_to="products/", blank=True)
    digest = models.CharField(max_length=64, blank=True, editable=False, help_text="SHA-256 of the picture as it came.")
    width = models.PositiveIntegerField(default=0, editable=False)
    height = models.PositiveIntegerField(default=0, editable=False)
    alt = models.CharField("alternative text", max_length=300, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State, default=State.PENDING, editable=False)

    class Meta:
        ordering = ["position", "id"]
        indexes = [models.Index(fields=["digest"], name="product_image_digest", condition=~Q(digest=""))]

    def __str__(self) -> str:
        return self.alt or self.source_url or self.file.name or ""


class ImportedRow(models.Model):
    """What an import last read for a product: the same content again is passed over, and so is the same stock.

    Without it a second import would undo what was sold, and one that was cut off would start from the beginning.
    """

    sku = models.CharField(max_length=64, unique=True, help_text="Of the product's first variant.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the row and its pictures.")
    stock = models.JSONField(default=dict, help_text="Units by SKU, as the file had them.")

    def __str__(self) -> str:
        return self.sku
