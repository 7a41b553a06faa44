from typing import Any

from django import forms
from django.conf import settings

from .queries import served_countries

MAX_CODE = 64


class AddForm(forms.Form):
    sku = forms.CharField(max_length=64)
    quantity = forms.IntegerField(min_value=1, max_value=settings.SHOP_MAX_QUANTITY, initial=1)


class CouponForm(forms.Form):
    code = forms.CharField(max_length=MAX_CODE)


class DestinationForm(forms.Form):
    """Where it would go, to know what the delivery costs and when it arrives: no address yet."""

    country = forms.ChoiceField(widget=forms.Select(attrs={"autocomplete": "country"}))
    postal_code = forms.CharField(
        label="Postal code (optional)",
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "postal-code"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        country = self.fields["country"]
        assert isinstance(country, forms.ChoiceField)
        # Not as a callable: the field and its widget would ask the database each for itself.
        country.choices = served_countries()


class QuantityForm(forms.Form):
    quantity = forms.IntegerField(min_value=0, max_value=settings.SHOP_MAX_QUANTITY)
