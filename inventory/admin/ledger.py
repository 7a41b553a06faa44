from django.contrib import admin
from unfold.admin import ModelAdmin

from inventory.models import Reservation, StockMovement
from shop.admin import ReadOnly


@admin.register(Reservation)
class ReservationAdmin(ReadOnly, ModelAdmin):
    list_display = ("reference", "sku", "warehouse", "quantity", "kind", "state", "expires_at")
    list_filter = ("state", "kind", "warehouse")
    list_select_related = ("warehouse",)
    search_fields = ("sku", "reference")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnly, ModelAdmin):
    list_display = ("created_at", "sku", "warehouse", "kind", "quantity", "reason", "actor", "reference")
    list_filter = ("kind", "warehouse")
    list_select_related = ("warehouse",)
    search_fields = ("sku", "reference")
    ordering = ("-id",)
    show_full_result_count = False
