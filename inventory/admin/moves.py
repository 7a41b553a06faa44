"""What staff do with an article in a warehouse: a link on its page, a form behind the link, a verb behind the form."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from inventory import operations
from inventory.models import StockItem, Warehouse
from shop.ids import new_id

MOST = 10**9


def units(*, least: int, label: str, help_text: str = "") -> forms.IntegerField:
    return forms.IntegerField(
        min_value=least, max_value=MOST, label=label, help_text=help_text, widget=UnfoldAdminIntegerFieldWidget
    )


def reason(help_text: str, *, required: bool = False) -> forms.CharField:
    return forms.CharField(
        max_length=200, required=required, widget=UnfoldAdminTextInputWidget, help_text=f"For the ledger: {help_text}"
    )


class MoveForm(forms.Form):
    """`key` makes a form that is sent twice count once."""

    key = forms.CharField(max_length=60, widget=forms.HiddenInput)

    def __init__(self, *args: Any, item: StockItem, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.item = item
        self.fields["key"].initial = new_id("form")


class CountForm(MoveForm):
    counted = units(least=0, label="Units on the shelf", help_text="All of them, those promised to buyers included.")
    reason = reason("who counted, or why again.")

    def clean(self) -> dict[str, Any]:
        # Counting twice gives the same: a count needs no key.
        self.cleaned_data.pop("key", None)
        return self.cleaned_data


class ReceiveForm(MoveForm):
    quantity = units(least=1, label="Units that arrived")
    warehouse = forms.ModelChoiceField(Warehouse.objects.all(), empty_label=None, widget=UnfoldAdminSelectWidget)
    reason = reason("the delivery's number.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["warehouse"].initial = self.item.warehouse_id


class TransferForm(MoveForm):
    quantity = units(least=1, label="Units to move")
    target = forms.ModelChoiceField(
        Warehouse.objects.none(), label="To", empty_label=None, widget=UnfoldAdminSelectWidget
    )
    reason = reason("why they move.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["target"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Warehouse.objects.exclude(pk=self.item.warehouse_id)
        free = max(0, self.item.on_hand - self.item.reserved)
        self.fields["quantity"].help_text = f"{free} of {self.item.on_hand} are promised to nobody and can be moved."


class WriteOffForm(MoveForm):
    quantity = units(least=1, label="Damaged units")
    reason = reason("what happened to them.", required=True)


def count(item: StockItem, *, counted: int, reason: str, actor: str) -> None:
    operations.set_on_hand(item, counted, reason=reason or "stock-take", actor=actor)


def receive(item: StockItem, *, quantity: int, warehouse: Warehouse, reason: str, key: str, actor: str) -> None:
    operations.receive(
        item.sku, quantity, warehouse=warehouse, reason=reason or "delivery", actor=actor, key=f"form:{key}"
    )


def transfer(item: StockItem, *, quantity: int, target: Warehouse, reason: str, key: str, actor: str) -> None:
    operations.transfer(
        item.sku,
        quantity,
        source=item.warehouse,
        target=target,
        reason=reason or "transfer",
        actor=actor,
        key=f"form:{key}",
    )


def write_off(item: StockItem, *, quantity: int, reason: str, key: str, actor: str) -> None:
    operations.write_off(item, quantity, reason=reason, actor=actor, key=f"form:{key}")


@dataclass(frozen=True)
class Move:
    label: str
    note: str
    done: str
    act: Callable[..., None]
    form: type[MoveForm]


MOVES = {
    "count": Move(
        "Count",
        "Say how many units lie on the shelf. If fewer lie there than are promised, the sale of this article stops "
        "and you see which orders are concerned.",
        "is counted",
        count,
        CountForm,
    ),
    "receive": Move(
        "Receive",
        "Units that arrived can be bought at once. What was missing for orders is made up for first.",
        "has its delivery on the shelf",
        receive,
        ReceiveForm,
    ),
    "transfer": Move(
        "Move to another warehouse",
        "Units promised to buyers stay where they are: their parcels are packed here.",
        "was moved",
        transfer,
        TransferForm,
    ),
    "write_off": Move(
        "Write off damaged",
        "The units leave the shelf for good. If fewer are left than are promised, the sale of this article stops.",
        "was written off",
        write_off,
        WriteOffForm,
    ),
}


def moves_of(item: StockItem) -> dict[str, Move]:
    """Those that make sense here."""
    several = Warehouse.objects.exclude(pk=item.warehouse_id).exists()
    return {name: move for name, move in MOVES.items() if several or name != "transfer"}
