"""What staff are asked before a move."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from orders.forms import UnitsForm
from orders.models import Order, Return, ReturnLine, Shipment


class MoveForm(forms.Form):
    """Only asks. `subject` is what moves; `given` are the verb's arguments."""

    def __init__(self, data: Any, *, subject: Any, **more: Any) -> None:
        super().__init__(data, **more)
        self.subject = subject

    @property
    def given(self) -> dict[str, Any]:
        return self.cleaned_data


class TrackingForm(MoveForm):
    carrier = forms.CharField(max_length=60, required=False, widget=UnfoldAdminTextInputWidget)
    tracking_number = forms.CharField(
        max_length=100,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Leave both empty for a parcel that can't be followed.",
    )


class CorrectTrackingForm(TrackingForm):
    def __init__(self, data: Any, *, subject: Order | Shipment) -> None:
        parcel = subject.shipments.last() if isinstance(subject, Order) else subject
        known = {"carrier": parcel.carrier, "tracking_number": parcel.tracking_number} if parcel else {}
        super().__init__(data, subject=subject, initial=known)


class ReasonForm(MoveForm):
    reason = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="For the order's history; the mail doesn't show it.",
    )


class RejectForm(MoveForm):
    reason = forms.CharField(
        max_length=500, widget=UnfoldAdminTextInputWidget, help_text="The buyer reads it, in the mail and on the page."
    )


class OrderUnitsForm(UnitsForm):
    """Of the units that are in no parcel yet. Without any number, as programs send it: all of them."""

    widget = UnfoldAdminIntegerFieldWidget
    quantity_label = "{line} (of {free})"
    starts_with_all = True

    def __init__(self, data: Any, *, subject: Order) -> None:
        lines = [line for line in subject.lines.with_units() if line.units_to_send > 0]
        start = None if self.starts_with_all else 0
        super().__init__(data, lines=lines, free=lambda line: line.units_to_send, start=start)

    @property
    def given(self) -> dict[str, Any]:
        rest = {name: value for name, value in self.cleaned_data.items() if not name.startswith("quantity_")}
        return {"quantities": self.quantities, **rest}


class ShipForm(OrderUnitsForm):
    carrier = forms.CharField(max_length=60, required=False, widget=UnfoldAdminTextInputWidget)
    tracking_number = forms.CharField(
        max_length=100,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Leave both empty for a parcel that can't be followed.",
    )
    only_pack = forms.BooleanField(
        label="Only pack it: it leaves later",
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="The units wait in a parcel of their own; nothing is taken off the stock and no mail goes out.",
    )

    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, subject: Order) -> None:
        super().__init__(data, subject=subject)
        self.left = sum(line.units_to_send for line in self.lines)
        self.fields["seen"].initial = self.left
        self.none_text = "Choose at least one unit." if self.lines else "Every unit is in a parcel already."

    def clean(self) -> dict[str, Any]:
        """A form pressed twice must not send as many units once more."""
        seen = self.cleaned_data.pop("seen", None)
        if seen is not None and seen != self.left:
            raise forms.ValidationError("Units have left or were packed since this page was opened. Open it again.")
        return super().clean()

    @property
    def names_units(self) -> bool:
        return any(self.name_of(line) in self.data for line in self.lines)

    @property
    def quantities(self) -> dict[str, int]:
        if self.names_units:
            return super().quantities
        return {line.public_id: line.units_to_send for line in self.lines}


class DropForm(OrderUnitsForm):
    starts_with_all = False
    reason = forms.CharField(
        max_length=200, widget=UnfoldAdminTextInputWidget, help_text="For the order's history; the buyer sees it not."
    )
    is_refunded = forms.BooleanField(
        label="Refund them",
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        help_text="Their price goes back, at once or when the order is paid. Untick it where it has gone back already.",
    )


class ReceiveForm(forms.Form):
    """How many units of each line came, and what becomes of them."""

    def __init__(self, data: Any, *, subject: Return) -> None:
        super().__init__(data)
        self.lines = list(subject.lines.select_related("order_line"))
        for line in self.lines:
            name = line.order_line.public_id
            self.fields[f"quantity_{name}"] = forms.IntegerField(
                label=f"{line.order_line.name}: came (of {line.quantity})",
                min_value=0,
                max_value=line.quantity,
                initial=line.quantity,
                widget=UnfoldAdminIntegerFieldWidget,
            )
            self.fields[f"disposition_{name}"] = forms.ChoiceField(
                label=f"{line.order_line.name}: what becomes of it",
                choices=ReturnLine.Disposition.choices,
                widget=UnfoldAdminSelectWidget,
            )

    @property
    def given(self) -> dict[str, Any]:
        names = [line.order_line.public_id for line in self.lines]
        return {
            "quantities": {name: self.cleaned_data[f"quantity_{name}"] for name in names},
            "dispositions": {name: self.cleaned_data[f"disposition_{name}"] for name in names},
        }
