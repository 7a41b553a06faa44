"""What several apps' admin forms share."""

from typing import Any

from django import forms
from django.conf import settings
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from .money import exponent, to_decimal, to_minor


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
