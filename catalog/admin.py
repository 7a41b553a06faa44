from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from treebeard.forms import MoveNodeForm, movenodeform_factory
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextareaWidget

from shop.errors import InvalidInput
from shop.money import Money, exponent, to_decimal, to_minor

from . import images, operations
from .models import Attribute, Brand, Category, Product, ProductImage, Variant


class AmountField(forms.DecimalField):
    """Typed as people write prices, `24.00`; kept in minor units."""

    widget = UnfoldAdminDecimalFieldWidget

    def __init__(self, **kwargs: Any) -> None:
        places = exponent(settings.SHOP_CURRENCY)
        super().__init__(min_value=0, max_digits=9 + places, decimal_places=places, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return to_decimal(value, settings.SHOP_CURRENCY) if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        amount = super().clean(value)
        return None if amount is None else to_minor(amount, settings.SHOP_CURRENCY)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


def clean_values(values: Any) -> Mapping[str, Any]:
    """A JSON object of attribute values, each of its attribute's kind."""
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise forms.ValidationError('Must be an object: {"material": "Stoneware"}.')
    try:
        return operations.check_values({"values": values})["values"]
    except InvalidInput as error:
        texts = [f"{name.removeprefix('values.')}: {' '.join(said)}" for name, said in error.fields.items()]
        raise forms.ValidationError(texts) from error


class ProductForm(forms.ModelForm):
    class Meta:
        model = Product
        fields = ("name", "slug", "description", "category", "brand", "tax_class", "attributes", "is_active")

    def clean_attributes(self) -> Mapping[str, Any]:
        return clean_values(self.cleaned_data["attributes"])


class VariantForm(forms.ModelForm):
    price_minor = AmountField(label="Price")
    compare_at_minor = AmountField(label="Price before", required=False)

    class Meta:
        model = Variant
        fields = (
            "sku", "price_minor", "compare_at_minor", "options", "barcode", "weight_grams", "position", "is_active",
        )  # fmt: skip
        widgets = {"options": UnfoldAdminTextareaWidget(attrs={"rows": 2})}

    def clean_options(self) -> Mapping[str, Any]:
        return clean_values(self.cleaned_data["options"])

    def clean_sku(self) -> str:
        sku: str = self.cleaned_data["sku"]
        if self.instance.pk and sku != self.initial["sku"]:
            raise forms.ValidationError("A SKU can't be changed: stock and orders know it. Add another variant.")
        return sku

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        price, before = values.get("price_minor"), values.get("compare_at_minor")
        if price is not None and before is not None and before <= price:
            self.add_error("compare_at_minor", "Must be above the price.")
        return values


class VariantFormSet(BaseInlineFormSet):
    """Two variants with the same options could not be told apart by anybody who buys."""

    def clean(self) -> None:
        super().clean()
        seen = set()
        for form in self.forms:
            values = form.cleaned_data if form.is_valid() else {}
            if not values or not values.get("is_active"):
                continue
            combination = repr(sorted(values["options"].items()))
            if combination in seen:
                form.add_error("options", "Another variant on sale has the same options.")
            seen.add(combination)


class VariantInline(TabularInline):
    """A variant is taken off sale, never deleted: orders and the stock ledger know its SKU."""

    model = Variant
    form = VariantForm
    formset = VariantFormSet
    extra = 0
    can_delete = False


class ImageForm(forms.ModelForm):
    class Meta:
        model = ProductImage
        fields = ("file", "source_url", "variant", "alt", "position")

    def clean(self) -> dict[str, Any]:
        """Keeps an upload as a picture of the shop's own making; what the file was named or held besides is dropped."""
        values = super().clean() or self.cleaned_data
        if not values.get("file") and not values.get("source_url"):
            self.add_error("file", "Choose a file, or give an address to fetch it from.")
        elif "file" in self.changed_data and values.get("file"):
            try:
                picture = images.store(values["file"].read())
            except images.UnusablePicture as error:
                self.add_error("file", error.reason)
            else:
                values["file"] = picture.file
                self.instance.digest, self.instance.state = picture.digest, ProductImage.State.READY
                self.instance.width, self.instance.height = picture.width, picture.height
        return values


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
    list_display = ("name", "category", "brand", "price", "is_active", "updated_at")
    list_filter = ("is_active", "category", "brand")
    list_select_related = ("category", "brand")
    search_fields = ("name", "variants__sku")
    autocomplete_fields = ("category", "brand")
    prepopulated_fields = {"slug": ("name",)}
    show_full_result_count = False
    actions = ("withdraw",)

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
        """The inlines wrote rows one by one; what is derived from them is made right in the same transaction."""
        super().save_related(request, form, formsets, change)
        operations.refresh(form.instance)
        if not change:
            operations.tell_created(form.instance)


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
            operations.reindex(obj.products.select_related("category", "brand").iterator(500))


@admin.register(Attribute)
class AttributeAdmin(ModelAdmin):
    list_display = ("name", "code", "kind", "unit", "is_filterable", "is_axis", "position")
    list_filter = ("kind", "is_filterable", "is_axis")
    search_fields = ("name", "code")
