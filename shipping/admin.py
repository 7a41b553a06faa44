from django.conf import settings
from django.contrib import admin
from unfold.admin import ModelAdmin

from shop.money import Money

from .models import ShippingMethod


@admin.register(ShippingMethod)
class ShippingMethodAdmin(ModelAdmin):
    list_display = ("name", "code", "price", "free_from", "min_days", "max_days", "position", "is_active")
    list_editable = ("position", "is_active")

    @admin.display(ordering="price_minor")
    def price(self, method: ShippingMethod) -> str:
        return str(Money(method.price_minor, settings.SHOP_CURRENCY))

    @admin.display(ordering="free_from_minor")
    def free_from(self, method: ShippingMethod) -> str:
        return "" if method.free_from_minor is None else str(Money(method.free_from_minor, settings.SHOP_CURRENCY))
