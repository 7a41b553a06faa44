from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from orders.models import Order
from shop.ids import new_id
from shop.money import Money, exponent, to_decimal, to_minor

from . import operations, queries


class MethodForm(forms.Form):
    """Empty means: as the order says."""

    payment_method = forms.ChoiceField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["payment_method"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = queries.available_methods()


class AmountForm(forms.Form):
    """An amount of the order's currency, from next to nothing up to what there is."""

    def __init__(self, *args: Any, most_minor: int, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        self.fields["amount"] = amount_field(most_minor, currency, help_text=f"At most {Money(most_minor, currency)}.")
        self.fields["amount"].required = True
        self.initial.setdefault("amount", to_decimal(most_minor, currency))

    @property
    def amount_minor(self) -> int:
        return to_minor(self.cleaned_data["amount"], self.currency)


class RefundForm(forms.Form):
    """So many units of each line and so much of the delivery; or an amount that is no unit's price."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=60)

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order, self.left = order, operations.left_of(order)
        self.initial.setdefault("key", new_id("wish"))
        self.lines = list(order.lines.all())
        for line in self.lines:
            most = self.left.lines[line.public_id].quantity
            self.fields[line.public_id] = forms.IntegerField(
                label=f"{line.name} ({line.sku})",
                min_value=0,
                max_value=most,
                required=False,
                disabled=not most,
                widget=UnfoldAdminIntegerFieldWidget,
                help_text=f"{most} of {line.quantity} left. All cost {Money(line.gross_minor, order.currency)}.",
            )
        freight = self.left.shipping.gross_minor
        most_freight = f"{Money(freight, order.currency)} left of the delivery's price."
        self.fields["shipping"] = amount_field(freight, order.currency, help_text=most_freight)
        self.fields["amount"] = amount_field(
            self.left.gross_minor,
            order.currency,
            label="Or only an amount",
            help_text="For a goodwill: no unit is counted, and each tax rate bears its part.",
        )
        self.fields["is_restocked"] = forms.BooleanField(
            label="The units have come back and can be sold again",
            required=False,
            widget=UnfoldBooleanSwitchWidget,
            help_text="Books them as a return. Only what was delivered can come back.",
        )
        self.fields["reason"] = forms.CharField(
            max_length=60, initial="refunded by staff", widget=UnfoldAdminTextInputWidget
        )

    def clean(self) -> dict[str, Any]:
        super().clean()
        if bool(self.amount_minor) == bool(self.quantities or self.shipping_minor):
            raise forms.ValidationError("Name units, delivery, or an amount alone.")
        return self.cleaned_data

    @property
    def quantities(self) -> dict[str, int]:
        given = {line.public_id: self.cleaned_data.get(line.public_id) or 0 for line in self.lines}
        return {line: quantity for line, quantity in given.items() if quantity}

    @property
    def shipping_minor(self) -> int:
        return to_minor(self.cleaned_data.get("shipping") or Decimal(0), self.order.currency)

    @property
    def amount_minor(self) -> int:
        return to_minor(self.cleaned_data.get("amount") or Decimal(0), self.order.currency)


def amount_field(most_minor: int, currency: str, **more: Any) -> forms.DecimalField:
    return forms.DecimalField(
        min_value=Decimal(0),
        max_value=to_decimal(most_minor, currency),
        decimal_places=exponent(currency),
        required=False,
        widget=UnfoldAdminDecimalFieldWidget,
        **more,
    )
