"""Delivery as staff type it: countries by name, weights in kilograms, amounts with decimals."""

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.forms.models import BaseInlineFormSet
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from shop.countries import countries
from shop.forms import AmountField, CountriesField, WordsField
from shop.money import exponent, to_decimal, to_minor

from .models import Holiday, Rate, ShippingMethod, Weekday, Zone, monday_to_friday

GRAMS = 1000


def country_choices() -> list[tuple[str, str]]:
    return list(countries().items())


class WeightField(forms.DecimalField):
    """Typed in kilograms, kept in grams."""

    widget = UnfoldAdminDecimalFieldWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_digits=9, decimal_places=3, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return kilograms(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        weight = super().clean(value)
        return None if weight is None else int(weight * GRAMS)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


def kilograms(grams: int) -> str:
    return f"{(Decimal(grams) / GRAMS).normalize():f}"


class WeekdaysField(forms.TypedMultipleChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            choices=Weekday.choices,
            coerce=int,
            widget=UnfoldAdminCheckboxSelectMultipleWidget,
            error_messages={"required": "Choose at least one day."},
            **kwargs,
        )


# --- Zones and methods


class ZoneForm(forms.ModelForm):
    countries = CountriesField(
        required=False,
        help_text="Names or codes, one per line; EU for all of the European Union. None: the rest of the world.",
    )
    regions = WordsField(required=False, help_text=Zone._meta.get_field("regions").help_text)
    postal_codes = WordsField(required=False, help_text=Zone._meta.get_field("postal_codes").help_text)
    excluded_postal_codes = WordsField(
        required=False, help_text=Zone._meta.get_field("excluded_postal_codes").help_text
    )

    class Meta:
        model = Zone
        fields = ("name", "countries", "regions", "postal_codes", "excluded_postal_codes")

    def clean(self) -> dict[str, Any]:
        """A country in two zones of whole countries would lie in either."""
        values = super().clean() or self.cleaned_data
        parts = ("regions", "postal_codes")
        if self.errors or any(values.get(name) for name in parts):
            return values
        codes = values.get("countries") or []
        others = Zone.objects.exclude(pk=self.instance.pk).filter(regions=[], postal_codes=[])
        for zone in others.filter(countries__overlap=codes) if codes else others.filter(countries=[]):
            twice = [countries().get(code, code) for code in codes if code in zone.countries]
            self.add_error("countries", f"{', '.join(twice) or 'The rest of the world'}: already in zone {zone}.")
        return values


class MethodInZoneForm(forms.ModelForm):
    price_minor = AmountField(label="Price")
    free_from_minor = AmountField(label="Free from", required=False)

    class Meta:
        model = ShippingMethod
        fields = ("name", "code", "price_minor", "free_from_minor", "min_days", "max_days", "is_active")
        widgets = {
            "name": UnfoldAdminTextInputWidget(attrs={"class": "min-w-40"}),
            "code": UnfoldAdminTextInputWidget(attrs={"class": "min-w-28"}),
            "min_days": UnfoldAdminIntegerFieldWidget(attrs={"class": "min-w-16"}),
            "max_days": UnfoldAdminIntegerFieldWidget(attrs={"class": "min-w-16"}),
        }


class MethodForm(MethodInZoneForm):
    countries = CountriesField(
        label="Only these countries", required=False, help_text="For a method without a zone. None: all of them."
    )
    min_goods_minor = AmountField(label="From a value of goods of", required=False)
    max_goods_minor = AmountField(label="Up to a value of goods of", required=False)
    max_weight_grams = WeightField(label="Up to a weight of", required=False, help_text="In kilograms.")
    # A field written out here does not take the model's default, and a new method would begin without a single day.
    leaves_on = WeekdaysField(
        label="Leaves on", initial=monday_to_friday, help_text="Days on which the warehouse hands parcels over."
    )
    arrives_on = WeekdaysField(
        label="Arrives on", initial=monday_to_friday, help_text="Days on which the carrier brings them."
    )

    class Meta:
        model = ShippingMethod
        exclude = ()
        labels = {"pickup_address": "Pick-up address", "tracking_url": "Tracking link"}
        widgets = {"pickup_address": UnfoldAdminTextareaWidget(attrs={"rows": 4})}


class StepField(forms.DecimalField):
    """Where a row of a price table begins: kilograms, an amount or a number of articles, as its method says."""

    widget = UnfoldAdminDecimalFieldWidget
    # Not its basis: the admin makes the rows before the method's own form has read what was typed.
    method: ShippingMethod | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_digits=12, **kwargs)

    @property
    def basis(self) -> str:
        return self.method.basis if self.method else ShippingMethod.Basis.QUANTITY

    def places(self) -> int:
        return {ShippingMethod.Basis.WEIGHT: 3, ShippingMethod.Basis.PRICE: exponent(settings.SHOP_CURRENCY)}.get(
            ShippingMethod.Basis(self.basis), 0
        )

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, int):
            return value
        if self.basis == ShippingMethod.Basis.PRICE:
            return to_decimal(value, settings.SHOP_CURRENCY)
        return kilograms(value) if self.basis == ShippingMethod.Basis.WEIGHT else value

    def clean(self, value: Any) -> Any:
        typed = super().clean(value)
        if typed is None:
            return None
        scaled = typed.scaleb(self.places())
        if scaled != scaled.to_integral_value():
            raise forms.ValidationError(f"At most {self.places()} decimals." if self.places() else "A whole number.")
        return to_minor(typed, settings.SHOP_CURRENCY) if self.basis == ShippingMethod.Basis.PRICE else int(scaled)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compares what would be kept: the same 2 is another row once the table is by value instead of by weight."""
        if not data:
            return initial is not None
        try:
            return bool(self.clean(data) != initial)
        except forms.ValidationError:
            return True


class RateForm(forms.ModelForm):
    from_value = StepField(label="From")
    price_minor = AmountField(label="Price")

    class Meta:
        model = Rate
        fields = ("from_value", "price_minor")


class RateFormSet(BaseInlineFormSet):
    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        form.fields["from_value"].method = self.instance


class HolidayForm(forms.ModelForm):
    country = forms.ChoiceField(
        required=False,
        choices=lambda: [("", "Everywhere"), *country_choices()],
        initial=settings.SHOP_COUNTRY,
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = Holiday
        fields = ("date", "name", "country")


# --- What would a buyer be offered?


class TryForm(forms.Form):
    country = forms.ChoiceField(choices=country_choices, initial=settings.SHOP_COUNTRY, widget=UnfoldAdminSelectWidget)
    postal_code = forms.CharField(max_length=20, required=False, widget=UnfoldAdminTextInputWidget)
    region = forms.CharField(label="State or region", max_length=120, required=False, widget=UnfoldAdminTextInputWidget)
    goods_minor = AmountField(label="Value of goods", initial=0)
    weight_grams = WeightField(label="Weight in kilograms", initial=0)
    quantity = forms.IntegerField(
        label="Articles", min_value=1, max_value=10_000, initial=1, widget=UnfoldAdminIntegerFieldWidget
    )
