from typing import Any

from django import forms

from . import queries


class MethodForm(forms.Form):
    """Empty means: as the order says."""

    payment_method = forms.ChoiceField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["payment_method"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = queries.available_methods()
