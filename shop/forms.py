"""What several apps' admin forms share."""

import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextareaWidget

from .countries import EUROPEAN_UNION, countries
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


class WordsField(forms.CharField):
    """Several words: one per line, or with commas between."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(self.shown(value)) if isinstance(value, list) else value

    def shown(self, values: list[str]) -> Iterable[str]:
        return values

    def to_python(self, value: Any) -> Any:
        words = (" ".join(word.split()) for word in re.split(r"[,\n]", value or ""))
        return list(dict.fromkeys(word for word in words if word))

    def run_validators(self, value: Any) -> None:
        for word in value:
            super().run_validators(word)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(self.prepare_value(initial or [])) != self.to_python(data)


class CountriesField(WordsField):
    """Countries by name or two-letter code; EU is all of the European Union's."""

    def shown(self, values: list[str]) -> Iterable[str]:
        return (countries().get(code, code) for code in values)

    def clean(self, value: Any) -> Any:
        codes: list[str] = []
        by_name = {name.casefold(): code for code, name in countries().items()}
        for word in super().clean(value):
            if word.upper() == "EU":
                codes += EUROPEAN_UNION
            elif word.upper() in countries():
                codes.append(word.upper())
            elif word.casefold() in by_name:
                codes.append(by_name[word.casefold()])
            else:
                raise forms.ValidationError(f"“{word}” is no country. Write its name or its two-letter code.")
        return list(dict.fromkeys(codes))
