"""Products typed in by staff: prices as decimals, attribute values as plain text, stock as what can be bought."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core import signing
from django.core.files.storage import default_storage
from django.forms.models import BaseInlineFormSet
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import slugify
from unfold.widgets import (
    UnfoldAdminImageFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from inventory.models import StockItem
from shop.forms import AmountField

from . import images
from .models import Attribute, Product, ProductImage, Variant

MAX_STOCK = 10**9


# --- Attribute values as text


class ValuesField(forms.CharField):
    """Values by attribute as `material: Stoneware`, one a line or, with the separator `, `, all on one line."""

    def __init__(self, *, separator: str = "\n", **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.separator = separator

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return self.separator.join(f"{code}: {shown(of_it)}" for code, of_it in value.items())

    def to_python(self, value: Any) -> str:
        return "\n".join(line.rstrip() for line in (super().to_python(value) or "").splitlines())

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(self.prepare_value(initial)) != self.to_python(data)


def shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split())


def read_values(lines: list[tuple[str, str]], stored: Mapping[str, Any], *, is_axis: bool) -> dict[str, Any]:
    """The typed values by attribute code. A line is what its error begins with, `Line 2: `, and `name: value`.

    A text that reads like the value stored before keeps it: the number 450 of a text attribute stays a number.
    """
    attributes = list(Attribute.objects.all())
    known = {attribute.name.casefold(): attribute for attribute in reversed(attributes)}
    known |= {attribute.code: attribute for attribute in attributes}
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for place, line in lines:
        name, colon, text = (part.strip() for part in line.partition(":"))
        attribute = known.get(name) or known.get(name.casefold())
        try:
            if not (name and colon and text):
                raise Unreadable(f"“{line}” is not a name, a colon and a value, like material: Stoneware.")
            if not attribute:
                raise Unreadable(_unknown(name, is_axis=is_axis))
            if attribute.code in values:
                raise Unreadable(f"{attribute.name} is there twice.")
            values[attribute.code] = _typed(attribute, text, stored.get(attribute.code))
        except Unreadable as error:
            wrong.append(format_html("{}{}", place, error.args[0]))
    if wrong:
        raise forms.ValidationError(wrong)
    return values


class Unreadable(ValueError):
    """What was typed is no value; the argument says so to who typed it."""


def _typed(attribute: Attribute, text: str, stored: Any) -> Any:
    match attribute.kind:
        case Attribute.Kind.NUMBER:
            return _number(attribute, text)
        case Attribute.Kind.BOOLEAN:
            if text.casefold() not in {"yes", "no", "true", "false"}:
                raise Unreadable(f"{attribute.name} is yes or no.")
            return text.casefold() in {"yes", "true"}
        case Attribute.Kind.CHOICE:
            return _chosen(attribute, text)
    return stored if stored is not None and shown(stored) == text else text


def _number(attribute: Attribute, text: str) -> int | float:
    digits = text.removesuffix(attribute.unit).strip() if attribute.unit else text
    try:
        number = int(digits) if re.fullmatch(r"-?\d{1,15}", digits) else float(digits)
    except ValueError:
        number = math.nan
    # Neither has a place in JSON: the product could be saved and never read again.
    if not math.isfinite(number):
        raise Unreadable(
            f"{attribute.name} is a number{f' of {attribute.unit}' if attribute.unit else ''}, not “{text}”."
        )
    return number


def _chosen(attribute: Attribute, text: str) -> Any:
    choices = [choice["value"] for choice in attribute.choices]
    for value in choices:
        if shown(value).casefold() == text.casefold():
            return value
    address = reverse("admin:catalog_attribute_change", args=[attribute.pk])
    raise Unreadable(
        format_html(
            "{} has no value “{}”. It has: {}. {}, then save here again.",
            attribute.name, text, ", ".join(map(shown, choices)) or "none yet",
            _link(address, f"Add a value to {attribute.name}"),
        )
    )  # fmt: skip


def _unknown(name: str, *, is_axis: bool) -> SafeString:
    prefilled = {"name": name, "code": slugify(name)} | ({"is_axis": 1} if is_axis else {})
    address = f"{reverse('admin:catalog_attribute_add')}?{urlencode(prefilled)}"
    link = _link(address, "Add this attribute")
    return format_html("There is no attribute “{}”. Correct its name, or: {}, then save here again.", name, link)


def _link(address: str, text: str) -> SafeString:
    """Opens beside the form: what was typed there is not lost."""
    return format_html('<a class="underline" href="{}" target="_blank" rel="noopener">{}</a>', address, text)


def _name_and_unit(attribute: Attribute) -> str:
    return f"{attribute.name} ({attribute.unit})" if attribute.unit else attribute.name


# --- The product and its variants


class ProductForm(forms.ModelForm):
    attributes = ValuesField(widget=UnfoldAdminTextareaWidget(attrs={"rows": 8}))

    class Meta:
        model = Product
        fields = ("name", "slug", "description", "category", "brand", "tax_class", "attributes", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [_name_and_unit(attribute) for attribute in Attribute.objects.all()]
        self.fields["attributes"].help_text = format_html(
            "One per line, like <b>material: Stoneware</b>. Known: {}. {}.",
            ", ".join(names) or "none yet",
            _link(reverse("admin:catalog_attribute_changelist"), "Add attributes and their values"),
        )

    def clean_attributes(self) -> Mapping[str, Any]:
        stored = self.initial.get("attributes") or {}
        if "attributes" not in self.changed_data:
            return stored
        numbered = enumerate(self.cleaned_data["attributes"].splitlines(), start=1)
        lines = [(f"Line {number}: ", line) for number, line in numbered if line.strip()]
        return read_values(lines, stored, is_axis=False)


class VariantForm(forms.ModelForm):
    price_minor = AmountField(label="Price")
    compare_at_minor = AmountField(label="Price before", required=False)
    options = ValuesField(
        separator=", ",
        widget=UnfoldAdminTextInputWidget(attrs={"class": "min-w-56"}),
        help_text="What sets this variant apart, like color: Harbour teal, size: 22 cm",
    )
    # Posted with the value it was shown with: sales since then don't look like an edit that would undo them.
    stock = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=MAX_STOCK,
        initial=0,
        show_hidden_initial=True,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"class": "min-w-20"}),
        help_text="Units that can be bought now. Left as it is, or emptied, it changes nothing.",
    )

    class Meta:
        model = Variant
        fields = (
            "sku", "options", "price_minor", "compare_at_minor", "stock", "is_active", "position", "weight_grams",
            "barcode",
        )  # fmt: skip
        widgets = {"sku": UnfoldAdminTextInputWidget(attrs={"class": "min-w-32"})}
        labels = {"is_active": "For sale"}

    def clean_options(self) -> Mapping[str, Any]:
        stored = self.initial.get("options") or {}
        if "options" not in self.changed_data:
            return stored
        # A comma parts two options only where a name and its colon follow: `finish: Oak, oiled` is one.
        options = re.split(r",(?=[^,:]+:)|\n", self.cleaned_data["options"])
        return read_values([("", option) for option in options if option.strip()], stored, is_axis=True)

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

    @property
    def new_stock(self) -> int | None:
        """The units that were typed; None when the number was left alone."""
        return self.cleaned_data.get("stock") if "stock" in self.changed_data else None


class VariantFormSet(BaseInlineFormSet):
    """Two variants with the same options could not be told apart by anybody who buys."""

    @cached_property
    def available(self) -> dict[str, int]:
        return StockItem.objects.available_by_sku([variant.sku for variant in self.get_queryset()])

    @property
    def axes_hint(self) -> SafeString:
        """What can be typed as options and where more of it is added; shown above the table."""
        axes = Attribute.objects.filter(is_axis=True)
        listed = format_html_join("", "<li><b>{}</b>{} {}</li>", ((axis.code, *_values_of(axis)) for axis in axes))
        more = _link(f"{reverse('admin:catalog_attribute_add')}?is_axis=1", "Add an axis")
        return format_html("<ul>{}<li>{}</li></ul>", listed, more)

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if form.instance.pk:
            form.fields["stock"].initial = self.available.get(form.instance.sku, 0)

    def clean(self) -> None:
        super().clean()
        seen = set()
        for form in self.forms:
            values = form.cleaned_data if form.is_valid() else {}
            if not values or not values.get("is_active"):
                continue
            combination = repr(sorted(values["options"].items()))
            if combination in seen:
                form.add_error("options", "Another variant for sale has the same options.")
            seen.add(combination)


def _values_of(axis: Attribute) -> tuple[str, SafeString]:
    values = ", ".join(shown(choice["value"]) for choice in axis.choices)
    change = _link(reverse("admin:catalog_attribute_change", args=[axis.pk]), "add values" if values else "change")
    return f": {values}" if values else f": any {axis.get_kind_display().lower()}", change


# --- Pictures


class ImageForm(forms.ModelForm):
    # A browser never sends a chosen file twice: the picture stays chosen when something else on the form is wrong.
    kept = forms.CharField(required=False, label="File", widget=forms.HiddenInput)

    class Meta:
        model = ProductImage
        fields = ("file", "source_url", "variant", "alt", "position")
        widgets = {"file": UnfoldAdminImageFieldWidget(attrs={"accept": "image/*"})}

    def clean(self) -> dict[str, Any]:
        """Keeps an upload as a picture of the shop's own making; what the file was named or held besides is dropped."""
        values = super().clean() or self.cleaned_data
        picture = None
        if "file" not in self.changed_data:
            picture = kept_picture(values.get("kept", ""))
        elif values.get("file"):
            try:
                picture = images.store(values["file"].read())
            except images.UnusablePicture as error:
                self.add_error("file", error.reason)
                return values
        if picture:
            self._take(picture, values)
        elif not values.get("file") and not values.get("source_url"):
            self.add_error("file", "Choose a file, or give an address to fetch it from.")
        return values

    def _take(self, picture: images.Picture, values: dict[str, Any]) -> None:
        values["file"] = picture.file
        self.instance.digest, self.instance.state = picture.digest, ProductImage.State.READY
        self.instance.width, self.instance.height = picture.width, picture.height
        # Should the form be shown again, it carries the picture and shows it as chosen.
        posted: Any = self.data
        self.data = carried = posted.copy()
        carried[self.add_prefix("kept")] = signing.dumps(asdict(picture), salt=KEPT)
        self.files = MultiValueDict()
        self["file"].initial = ProductImage(file=picture.file).file


KEPT = "catalog.kept_picture"
KEPT_SECONDS = 24 * 60 * 60


def kept_picture(signed: str) -> images.Picture | None:
    """The stored picture that an earlier answer of ours named; None when it is not ours, too old or gone."""
    try:
        picture = images.Picture(**signing.loads(signed, salt=KEPT, max_age=KEPT_SECONDS))
    except signing.BadSignature:
        return None
    return picture if default_storage.exists(picture.file) else None


# --- Attributes


class ChoicesField(forms.CharField):
    """The values to choose from, one per line, a colour's swatch behind it: `Harbour teal #1f5d63`."""

    LINE = re.compile(r"(?P<value>.*\S)\s+(?P<swatch>#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3}))")

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return "\n".join(f"{shown(choice['value'])} {choice.get('swatch', '')}".strip() for choice in value)

    def to_python(self, value: Any) -> Any:
        choices: dict[str, dict[str, Any]] = {}
        for line in filter(None, map(shown, (super().to_python(value) or "").splitlines())):
            found = self.LINE.fullmatch(line)
            choice = found.groupdict() if found else {"value": line}
            if choice["value"].casefold() in choices:
                raise forms.ValidationError(f"“{choice['value']}” is there twice.")
            choices[choice["value"].casefold()] = choice
        return list(choices.values())

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.prepare_value(initial or []).splitlines() != [shown(line) for line in (data or "").splitlines()]


class AttributeForm(forms.ModelForm):
    choices = ChoicesField(
        required=False,
        label="Values to choose from",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12}),
        help_text="One per line. Behind a colour its swatch: Harbour teal #1f5d63",
    )

    class Meta:
        model = Attribute
        fields = ("name", "code", "kind", "unit", "choices", "is_filterable", "is_axis", "position")

    def clean_choices(self) -> list[dict[str, Any]]:
        """What is still there keeps what this page doesn't show of it, a value that is a number too."""
        stored: list[dict[str, Any]] = self.initial.get("choices") or []
        if "choices" not in self.changed_data:
            return stored
        by_text = {shown(choice["value"]): choice for choice in stored}
        return [_merged(by_text.get(choice["value"], {}), choice) for choice in self.cleaned_data["choices"]]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("kind") == Attribute.Kind.CHOICE and values.get("choices") == []:
            self.add_error("choices", "Give at least one value.")
        return values


def _merged(stored: dict[str, Any], typed: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in stored.items() if name != "swatch"}
    return typed | kept
