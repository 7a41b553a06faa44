from django.contrib import admin
from unfold.admin import ModelAdmin

from .models import ShippingMethod


@admin.register(ShippingMethod)
class ShippingMethodAdmin(ModelAdmin):
    list_display = ("name", "code", "price_minor", "free_from_minor", "min_days", "max_days", "position", "is_active")
    list_editable = ("position", "is_active")
