from collections.abc import Callable, Sequence
from typing import Any

from django import forms

from .models import OrderLine, ReturnLine
from .operations import ReturnItem


class TrackForm(forms.Form):
    number = forms.CharField(
        label="Order number",
        max_length=30,
        help_text="As in the mail about your order, for example 7K2M-9QXA.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )
    # Any text: what is no address is no order's address either.
    email = forms.CharField(
        label="E-mail address",
        max_length=254,
        help_text="The one that you ordered with.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


class UnitsForm(forms.Form):
    """A number of units for each line; none is a line left out."""

    none_text = "Choose at least one unit."
    quantity_label = "How many of {free}"
    widget: type[forms.Widget] = forms.NumberInput

    def __init__(
        self,
        *args: Any,
        lines: Sequence[OrderLine],
        free: Callable[[OrderLine], int],
        start: int | None = None,
        **more: Any,
    ) -> None:
        """`start`: what the fields begin with; everything, unless it is given."""
        super().__init__(*args, **more)
        self.lines = lines
        for line in lines:
            most = free(line)
            self.fields[self.name_of(line)] = forms.IntegerField(
                label=self.quantity_label.format(free=most, line=line.name),
                min_value=0,
                max_value=most,
                required=False,
                initial=most if start is None else start,
                widget=self.widget,
            )
        self.order_fields([self.name_of(line) for line in lines])

    @staticmethod
    def name_of(line: OrderLine) -> str:
        return f"quantity_{line.public_id}"

    @property
    def quantities(self) -> dict[str, int]:
        given = {line.public_id: self.cleaned_data.get(self.name_of(line)) for line in self.lines}
        return {name: quantity for name, quantity in given.items() if quantity}

    def clean(self) -> dict[str, Any]:
        if not self.errors and not self.quantities:
            raise forms.ValidationError(self.none_text)
        return self.cleaned_data


class ReturnForm(UnitsForm):
    none_text = "Say how many you want to send back."
    quantity_label = "How many of {free} go back"

    note = forms.CharField(
        label="Anything we should know (optional)",
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def __init__(self, *args: Any, lines: Sequence[OrderLine], **more: Any) -> None:
        super().__init__(*args, lines=lines, free=lambda line: line.units_returnable, start=0, **more)
        for line in lines:
            choices = [("", "Choose"), *ReturnLine.Reason.choices]
            self.fields[f"reason_{line.public_id}"] = forms.ChoiceField(label="Why", choices=choices, required=False)

    @property
    def rows(self) -> list[tuple[OrderLine, forms.BoundField, forms.BoundField]]:
        return [(line, self[self.name_of(line)], self[f"reason_{line.public_id}"]) for line in self.lines]

    @property
    def items(self) -> list[ReturnItem]:
        return [ReturnItem(name, n, self.cleaned_data[f"reason_{name}"]) for name, n in self.quantities.items()]

    def clean(self) -> dict[str, Any]:
        super().clean()
        names = {line.public_id: line.name for line in self.lines}
        for name in self.quantities:
            if not self.cleaned_data.get(f"reason_{name}"):
                self.add_error(f"reason_{name}", f"Say why {names[name]} goes back.")
        return self.cleaned_data
