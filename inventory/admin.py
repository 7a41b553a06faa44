from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from shop.admin import ReadOnly

from . import operations
from .models import Reservation, StockItem, StockMovement, Warehouse


class StockItemForm(forms.ModelForm):
    counted = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=10**9,
        help_text="Units counted on the shelf. Empty leaves the shelf as it is.",
    )
    reason = forms.CharField(required=False, max_length=200, help_text="Why the shelf changed, for the ledger.")

    class Meta:
        model = StockItem
        fields = ("safety_stock", "backorder_limit", "low_stock_threshold")


@admin.register(StockItem)
class StockItemAdmin(ModelAdmin):
    """Counters are shown; the shelf is corrected by counting it, which leaves a movement in the ledger."""

    form = StockItemForm
    list_display = ("sku", "warehouse", "on_hand", "reserved", "available", "shortfall", "low_stock_threshold")
    list_filter = ("warehouse",)
    list_select_related = ("warehouse",)
    search_fields = ("sku",)
    ordering = ("sku",)
    show_full_result_count = False
    readonly_fields = ("sku", "warehouse", "on_hand", "reserved", "available", "shortfall", "low_stock_at")
    fields = (*readonly_fields, "counted", "reason", "safety_stock", "backorder_limit", "low_stock_threshold")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: StockItem, form: Any, change: bool) -> None:
        """Locks: the stock row. The counters themselves are never saved from the form: it may be minutes old."""
        with transaction.atomic():
            operations.set_rules(
                obj,
                safety_stock=form.cleaned_data["safety_stock"],
                backorder_limit=form.cleaned_data["backorder_limit"],
                low_stock_threshold=form.cleaned_data["low_stock_threshold"],
            )
            if form.cleaned_data["counted"] is not None:
                reason = form.cleaned_data["reason"] or "stock-take"
                counted, actor = form.cleaned_data["counted"], getattr(request.user, "public_id", "")
                operations.set_on_hand(obj, counted, reason=reason, actor=actor)


class ReadOnlyAdmin(ReadOnly, ModelAdmin):
    show_full_result_count = False


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    list_display = ("reference", "sku", "quantity", "kind", "state", "expires_at")
    list_filter = ("state", "kind")
    search_fields = ("sku", "reference")


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "sku", "kind", "quantity", "reason", "actor", "reference")
    list_filter = ("kind",)
    search_fields = ("sku", "reference")


@admin.register(Warehouse)
class WarehouseAdmin(ModelAdmin):
    list_display = ("name", "code", "priority")
