from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline

from shop.countries import countries
from shop.money import Money

from . import queries
from .forms import HolidayForm, MethodForm, MethodInZoneForm, RateForm, RateFormSet, TryForm, ZoneForm
from .models import Holiday, Rate, ShippingMethod, Zone

SHOWN_COUNTRIES = 4


class MethodInline(TabularInline):
    """What a method needs to begin with; its own page has the rest."""

    model = ShippingMethod
    form = MethodInZoneForm
    extra = 0
    show_change_link = True
    verbose_name_plural = "Ways of delivery in this zone"


@admin.register(Zone)
class ZoneAdmin(ModelAdmin):
    form = ZoneForm
    inlines = (MethodInline,)
    list_display = ("name", "where", "method_count")
    search_fields = ("name",)
    list_before_template = "admin/shipping/zone/try_link.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Zone]:
        return super().get_queryset(request).annotate(method_count=Count("methods"))

    @admin.display
    def where(self, zone: Zone) -> str:
        names = [countries().get(code, code) for code in zone.countries]
        more = f" and {len(names) - SHOWN_COUNTRIES} more" if len(names) > SHOWN_COUNTRIES else ""
        parts = f"{', '.join(names[:SHOWN_COUNTRIES])}{more}" or "The rest of the world"
        return parts if zone.is_whole else f"{parts}, in part"

    @admin.display(description="ways of delivery", ordering="method_count")
    def method_count(self, zone: Any) -> str:
        return str(zone.method_count or "None: nothing is delivered there")

    # --- What would a buyer be offered?

    def get_urls(self) -> list[Any]:
        return [path("try/", self.admin_site.admin_view(self.try_view), name="shipping_zone_try"), *super().get_urls()]

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """Changes nothing: what it asks about is in its address."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = TryForm(request.GET or None)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Try the delivery",
            "form": form,
            "back_url": reverse("admin:shipping_zone_changelist"),
        }
        if form.is_valid():
            given = form.cleaned_data
            context["zone"] = queries.zone_of(given["country"], given["region"], given["postal_code"])
            context["rows"] = [
                (option, str(Money(option.price_minor, settings.SHOP_CURRENCY)))
                for option in queries.options(**given, now=timezone.now())
            ]
            context["tried"] = True
        return TemplateResponse(request, "admin/shipping/zone/try.html", context)


class RateInline(TabularInline):
    model = Rate
    form = RateForm
    formset = RateFormSet
    extra = 0
    hide_title = True
    verbose_name_plural = "Price table: from kilograms, value of goods or articles on, as Pricing says"


@admin.register(ShippingMethod)
class ShippingMethodAdmin(ModelAdmin):
    form = MethodForm
    inlines = (RateInline,)
    list_display = ("name", "code", "zone", "price", "free_from", "days", "position", "is_active")
    list_editable = ("position", "is_active")
    list_filter = ("zone", "kind", "is_active")
    list_select_related = ("zone",)
    search_fields = ("name", "code")
    fieldsets = (
        (
            None,
            {"fields": (("name", "code"), ("kind", "zone"), "pickup_address", "countries", ("position", "is_active"))},
        ),
        ("Price", {"fields": (("price_minor", "free_from_minor"), ("basis", "tax_class"))}),
        ("What it takes", {"fields": (("min_goods_minor", "max_goods_minor"), "max_weight_grams")}),
        (
            "When it arrives",
            {"fields": (("cut_off", "handling_days"), ("min_days", "max_days"), ("leaves_on", "arrives_on"))},
        ),
        ("Following a parcel", {"fields": ("tracking_url",)}),
    )

    @admin.display(ordering="price_minor")
    def price(self, method: ShippingMethod) -> str:
        price = str(Money(method.price_minor, settings.SHOP_CURRENCY))
        return f"from {price}, by {method.basis}" if method.has_table else price

    @admin.display(ordering="free_from_minor")
    def free_from(self, method: ShippingMethod) -> str:
        return "" if method.free_from_minor is None else str(Money(method.free_from_minor, settings.SHOP_CURRENCY))

    @admin.display(description="working days")
    def days(self, method: ShippingMethod) -> str:
        least, most = (method.handling_days + days for days in (method.min_days, method.max_days))
        return str(most) if least == most else f"{least} to {most}"


@admin.register(Holiday)
class HolidayAdmin(ModelAdmin):
    form = HolidayForm
    list_display = ("date", "name", "where")
    list_filter = ("country",)
    search_fields = ("name",)
    date_hierarchy = "date"

    @admin.display(ordering="country")
    def where(self, holiday: Holiday) -> str:
        return countries().get(holiday.country, holiday.country) or "Everywhere"
