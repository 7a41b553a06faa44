from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.files.storage import default_storage
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from treebeard.forms import MoveNodeForm, movenodeform_factory
from unfold.admin import ModelAdmin, TabularInline

from accounts.models import User
from inventory import operations as inventory
from inventory.models import StockItem
from shop.errors import DomainError
from shop.money import Money

from . import operations
from . import promotions_admin as promotions_admin  # Django looks for what is registered in this module alone.
from .forms import AttributeForm, ImageForm, ProductForm, VariantForm, VariantFormSet
from .models import Attribute, Brand, Category, PriceChange, Product, ProductImage, Variant

HISTORY = 50


class VariantInline(TabularInline):
    """A variant is taken off sale, never deleted: orders and the stock ledger know its SKU."""

    model = Variant
    form = VariantForm
    formset = VariantFormSet
    template_before = "catalog/_axes.html"
    extra = 0
    can_delete = False
    fields = (
        "sku", "options", "price_minor", "compare_at_minor", "asked", "stock", "is_active", "position", "weight_grams",
        "barcode",
    )  # fmt: skip
    readonly_fields = ("asked",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Variant]:
        return super().get_queryset(request).select_related("sale")

    @admin.display(description="Asked now")
    def asked(self, variant: Variant) -> str:
        """The list price is what staff edit; this is what a sale makes of it."""
        now = timezone.now()
        if variant.pk is None or not variant.is_in_sale(now):
            return "-"
        return f"{Money(variant.price_at(now), variant.currency)}, {variant.sale or 'a sale'}"

    @admin.display(description="Stock")
    def stock(self, variant: Variant) -> int:
        """For staff who may look only: they get no form."""
        return StockItem.objects.available_by_sku([variant.sku]).get(variant.sku, 0)


class ImageInline(TabularInline):
    model = ProductImage
    form = ImageForm
    extra = 0

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "variant":
            product = request.resolver_match.kwargs.get("object_id") if request.resolver_match else None
            kwargs["queryset"] = Variant.objects.filter(product=product).select_related("product")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(Product)
class ProductAdmin(ModelAdmin):
    form = ProductForm
    inlines = (VariantInline, ImageInline)
    list_display = ("picture", "name", "category", "brand", "price", "is_active", "updated_at")
    list_display_links = ("name",)
    list_filter = ("is_active", "category", "brand")
    list_select_related = ("category", "brand")
    search_fields = ("name", "variants__sku")
    autocomplete_fields = ("category", "brand")
    prepopulated_fields = {"slug": ("name",)}
    show_full_result_count = False
    actions = ("withdraw",)
    readonly_fields = ("price_history",)

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> tuple[str, ...]:
        return self.readonly_fields if obj else ()

    @admin.display(description="Price history")
    def price_history(self, product: Product) -> str:
        changes = PriceChange.objects.filter(variant__product=product).select_related("variant").order_by("-id")
        latest = list(changes[:HISTORY])
        staff = User.objects.filter(public_id__in={change.actor for change in latest})
        names = dict(staff.values_list("public_id", "email"))
        rows = [(change, names.get(change.actor, change.actor)) for change in latest]
        return render_to_string("catalog/_price_history.html", {"rows": rows})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        pictures = ProductImage.objects.filter(product=OuterRef("pk")).exclude(file="").order_by("position", "id")
        return super().get_queryset(request).annotate(picture_file=Subquery(pictures.values("file")[:1]))

    @admin.display(description="")
    def picture(self, product: Any) -> str:
        if not product.picture_file:
            return ""
        address = default_storage.url(product.picture_file)
        return format_html('<img class="object-cover h-10 w-10" src="{}" alt="" loading="lazy">', address)

    @admin.display(description="Price", ordering="price_minor")
    def price(self, product: Product) -> str:
        return str(Money(product.price_minor, settings.SHOP_CURRENCY))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Orders keep what they sold: a product is withdrawn instead."""
        return False

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalog.delete_product")

    @admin.action(description="Withdraw from the shop", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, products: QuerySet[Product]) -> None:
        assert request.user.is_authenticated
        for product in products:
            operations.withdraw_product(product, actor=request.user.public_id)
        self.message_user(request, f"Withdrawn: {len(products)}.", messages.SUCCESS)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The inlines wrote rows one by one; what is derived from them is made right in the same transaction.

        Locks: the product, then stock rows by SKU, last.
        """
        super().save_related(request, form, formsets, change)
        assert request.user.is_authenticated
        operations.refresh(form.instance, actor=request.user.public_id)
        if not change:
            operations.tell_created(form.instance)
        for formset in formsets:
            if formset.model is Variant:
                self._save_stock(request, formset)
        self._warn_unless_for_sale(request, form.instance)

    def _save_stock(self, request: HttpRequest, formset: Any) -> None:
        assert request.user.is_authenticated
        edited = {
            form.instance.sku: form for form in formset.forms if form.has_changed() and form.new_stock is not None
        }
        for sku, form in sorted(edited.items()):
            write = inventory.receive if form.instance in formset.new_objects else inventory.set_available
            reason = "opening stock" if form.instance in formset.new_objects else "product form"
            try:
                write(sku, form.new_stock, reason=reason, actor=request.user.public_id)
            except DomainError as error:
                self.message_user(request, f"The stock of {sku} stays as it was. {error.text}", messages.ERROR)

    def _warn_unless_for_sale(self, request: HttpRequest, product: Product) -> None:
        skus = list(product.variants.filter(is_active=True).values_list("sku", flat=True))
        if product.is_active and not any(StockItem.objects.available_by_sku(skus).values()):
            why = "each variant's stock is 0: type how many there are" if skus else "no variant is for sale: add one"
            self.message_user(request, f"Nobody can buy “{product.name}” yet, {why}.", messages.WARNING)


class CategoryForm(MoveNodeForm):
    """Name, place in the tree, texts. The address follows from the slugs on the way to it."""

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.errors:
            reference, position = values.get("treebeard_ref_node"), values.get("treebeard_position")
            parent = (
                reference if position == "first-child" or reference is None else Category.objects.get_parent(reference)
            )
            url_path = f"{parent.url_path}/{values['slug']}" if parent else values["slug"]
            if Category.objects.filter(url_path=url_path).exclude(pk=self.instance.pk).exists():
                self.add_error("slug", "Another category has this address.")
            self.instance.url_path = url_path
        return values


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    form = movenodeform_factory(Category, form=CategoryForm, fields=("name", "slug", "description", "image"))
    list_display = ("indented", "url_path")
    search_fields = ("name", "url_path")
    ordering = ("path",)
    prepopulated_fields = {"slug": ("name",)}
    show_full_result_count = False

    @admin.display(description="Category", ordering="path")
    def indented(self, category: Category) -> str:
        return f"{'– ' * (category.depth - 1)}{category.name}"

    def save_model(self, request: HttpRequest, obj: Category, form: Any, change: bool) -> None:
        """The form's `save` has put the node into its place already; what hangs on its path follows."""
        super().save_model(request, obj, form, change)
        operations.refresh_category(obj)


@admin.register(Brand)
class BrandAdmin(ModelAdmin):
    list_display = ("name", "slug")
    search_fields = ("name",)
    prepopulated_fields = {"slug": ("name",)}

    def save_model(self, request: HttpRequest, obj: Brand, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change:
            # Sales name brands by slug.
            operations.forget_applied()
            operations.reindex(obj.products.select_related("category", "brand").iterator(500))


@admin.register(Attribute)
class AttributeAdmin(ModelAdmin):
    form = AttributeForm
    prepopulated_fields = {"code": ("name",)}
    list_display = ("name", "code", "kind", "unit", "is_filterable", "is_axis", "position")
    list_filter = ("kind", "is_filterable", "is_axis")
    search_fields = ("name", "code")
