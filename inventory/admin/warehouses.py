from django.contrib import admin
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from inventory.models import Warehouse


@admin.register(Warehouse)
class WarehouseAdmin(ModelAdmin):
    list_display = ("name", "code", "priority", "articles", "units", "short")
    prepopulated_fields = {"code": ("name",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Warehouse]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                article_count=Count("items"), unit_count=Sum("items__on_hand"), short_count=Sum("items__shortfall")
            )
        )

    @admin.display(ordering="article_count")
    def articles(self, warehouse: Warehouse) -> int:
        return warehouse.article_count  # type: ignore[attr-defined]

    @admin.display(description="units on the shelves", ordering="unit_count")
    def units(self, warehouse: Warehouse) -> int:
        return warehouse.unit_count or 0  # type: ignore[attr-defined]

    @admin.display(description="units missing", ordering="short_count")
    def short(self, warehouse: Warehouse) -> int:
        return warehouse.short_count or 0  # type: ignore[attr-defined]
