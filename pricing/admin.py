from django.contrib import admin
from unfold.admin import ModelAdmin, TabularInline

from .models import TaxClass, TaxRate


class TaxRateInline(TabularInline):
    model = TaxRate
    extra = 0


@admin.register(TaxClass)
class TaxClassAdmin(ModelAdmin):
    list_display = ("name", "code")
    search_fields = ("name", "code")
    inlines = (TaxRateInline,)
