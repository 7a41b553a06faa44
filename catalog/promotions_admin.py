"""Promotions and their codes for staff. They stand above pricing, so that goods can be chosen by name."""

import csv
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin

from pricing.models import Action, Coupon, Phase, Promotion, PromotionUse
from pricing.operations import Destination, Freight, make_coupons, quote
from pricing.queries import offers
from shop import outbox
from shop.ids import new_id
from shop.money import Money

from . import sales
from .models import Variant
from .promotion_forms import CodesForm, CouponForm, PromotionForm, TryForm
from .queries import item_of

LIVE = Count("uses", filter=Q(uses__state=PromotionUse.State.CLAIMED))
SHOWN_CODES = 50


def state_of(row: Promotion | Coupon) -> str:
    now = timezone.now()
    if not row.is_active:
        return "Switched off"
    if row.starts_at and row.starts_at > now:
        return "Scheduled"
    if row.ends_at and row.ends_at <= now:
        return "Ended"
    if row.usage_limit is not None and row.used >= row.usage_limit:
        return "Used up"
    return "Active"


def uses_of(row: Any) -> str:
    return str(row.uses_count) if row.usage_limit is None else f"{row.uses_count} of {row.usage_limit}"


def money(minor: int) -> str:
    return str(Money(minor, settings.SHOP_CURRENCY))


def what_it_does(promotion: Promotion) -> str:
    match promotion.action:
        case Action.PERCENT:
            return f"{(promotion.percent or Decimal(0)).normalize():f} % off"
        case Action.AMOUNT:
            each = " each" if promotion.phase == Phase.LINE else ""
            return f"{money(promotion.amount_minor or 0)} off{each}"
        case Action.FIXED_PRICE:
            return f"for {money(promotion.amount_minor or 0)}"
        case Action.BUY_X_GET_Y:
            return f"buy {promotion.buy_quantity}, get {promotion.get_quantity} free"
    return "free delivery"


@admin.register(Promotion)
class PromotionAdmin(ModelAdmin):
    """Ended by a date or switched off, never deleted: orders say what was taken off by its name."""

    form = PromotionForm
    list_display = ("name", "state", "effect", "phase", "needs_coupon", "uses", "priority")
    list_filter = ("phase", "needs_coupon", "is_active")
    search_fields = ("name", "coupons__code")
    ordering = ("-id",)
    list_before_template = "admin/pricing/promotion/try_link.html"
    change_form_before_template = "admin/pricing/promotion/codes_link.html"
    # What another action needs is out of sight.
    conditional_fields = {
        "percent": "action == 'percent'",
        "amount_minor": "action == 'amount' || action == 'fixed_price'",
        "buy_quantity": "action == 'buy_x_get_y'",
        "get_quantity": "action == 'buy_x_get_y'",
    }
    fieldsets = (
        (None, {"fields": ("name", "phase", "action", "percent", "amount_minor", "buy_quantity", "get_quantity")}),
        ("What it is for. Nothing chosen: everything", {"fields": ("categories", "brands", "articles")}),
        (
            "But not for",
            {"fields": ("excludes_sale_items", "excluded_categories", "excluded_brands", "excluded_articles")},
        ),
        ("When", {"fields": ("starts_at", "ends_at", "is_active")}),
        (
            "For whom",
            {"fields": ("needs_coupon", "new_customers_only", ("min_goods_minor", "min_quantity"), "countries")},
        ),
        ("How often", {"fields": (("usage_limit", "usage_limit_per_customer"),)}),
        ("Beside other promotions", {"fields": (("priority", "exclusive_group"), "combines_with")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Promotion]:
        return super().get_queryset(request).annotate(uses_count=LIVE)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display
    def state(self, promotion: Promotion) -> str:
        return state_of(promotion)

    @admin.display(description="what it does")
    def effect(self, promotion: Promotion) -> str:
        return what_it_does(promotion)

    @admin.display(description="orders", ordering="uses_count")
    def uses(self, promotion: Promotion) -> str:
        return uses_of(promotion)

    def save_model(self, request: HttpRequest, obj: Promotion, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        outbox.publish("promotion.changed", key=f"promotion.changed:{new_id('evt')}", payload={"id": obj.public_id})
        touched = sales.count_touched(obj)
        if not touched:
            self.message_user(request, "No article on sale is one that it is for.", messages.WARNING)
        elif obj.phase == Phase.CATALOGUE:
            self.message_user(
                request, f"It is for {touched} articles. Their prices follow within a minute.", messages.INFO
            )
        if obj.needs_coupon and not obj.coupons.exists():
            self.message_user(request, "It needs a code to be used: make one.", messages.WARNING)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **more: Any) -> Any:
        promotion = more.get("obj")
        if promotion and promotion.needs_coupon and request.user.has_perm("pricing.view_coupon"):
            context["codes_url"] = reverse("admin:pricing_promotion_codes", args=[promotion.pk])
        return super().render_change_form(request, context, *args, **more)

    def get_urls(self) -> list[Any]:
        def page(view: Any) -> Any:
            return self.admin_site.admin_view(view)

        return [
            path("try/", page(self.try_view), name="pricing_promotion_try"),
            path("<int:pk>/codes/", page(self.codes_view), name="pricing_promotion_codes"),
            path("<int:pk>/codes.csv", page(self.export_view), name="pricing_promotion_export"),
            *super().get_urls(),
        ]

    # --- Codes

    def with_codes(self, request: HttpRequest, pk: int) -> Promotion:
        if not request.user.has_perm("pricing.view_coupon"):
            raise PermissionDenied
        promotion = self.get_object(request, str(pk))
        if promotion is None or not promotion.needs_coupon:
            raise Http404
        return promotion

    def codes_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The promotion's codes, and a form to make many more."""
        promotion = self.with_codes(request, pk)
        may_add = request.user.has_perm("pricing.add_coupon")
        form = CodesForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and not may_add:
            raise PermissionDenied
        if form.is_valid():
            made = make_coupons(promotion, form.cleaned_data["count"], usage_limit=form.cleaned_data["usage_limit"])
            self.message_user(request, f"{len(made)} new codes.", messages.SUCCESS)
            return redirect(request.path)
        coupons = promotion.coupons.annotate(uses_count=LIVE)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Codes for {promotion.name}",
            "promotion": promotion,
            "form": form,
            "may_add": may_add,
            "rows": [(coupon, state_of(coupon), uses_of(coupon)) for coupon in coupons[:SHOWN_CODES]],
            "count": coupons.count(),
        }
        return TemplateResponse(request, "admin/pricing/promotion/codes.html", context)

    def export_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        promotion = self.with_codes(request, pk)
        return csv_of(promotion.coupons.annotate(uses_count=LIVE), f"codes-{promotion.pk}.csv")

    # --- What would a shopper get?

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """Changes nothing: what it asks about is in its address. The same `quote` as for a shopper answers."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = TryForm(request.GET or None)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Try promotions",
            "form": form,
            "back_url": reverse("admin:pricing_promotion_changelist"),
        }
        if form.is_valid():
            context["quote"] = self.tried(form)
        return TemplateResponse(request, "admin/pricing/promotion/try.html", context)

    def tried(self, form: TryForm) -> Any:
        given, now = form.cleaned_data, form.moment
        rows = Variant.objects.select_related("product__category", "product__brand", "product__tax_class")
        variants = {variant.sku: variant for variant in rows.filter(sku__in=given["bag"])}
        tax_class = next(iter(variants.values())).product.tax_class.code
        return quote(
            [item_of(variants[sku], quantity=quantity, now=now) for sku, quantity in given["bag"].items()],
            destination=Destination(given["country"]),
            freight=Freight("", "Delivery", given["delivery_minor"] or 0, tax_class),
            currency=settings.SHOP_CURRENCY,
            prices_include_tax=settings.SHOP_PRICES_INCLUDE_TAX,
            day=timezone.localdate(now),
            offers=offers(given["codes"], customer=form.customer, now=now),
        )


@admin.register(Coupon)
class CouponAdmin(ModelAdmin):
    """Switched off, never deleted, so that nobody makes the same code again and old orders' uses keep their name."""

    form = CouponForm
    list_display = ("code", "state", "promotion_name", "uses", "usage_limit_per_customer")
    list_filter = ("is_active",)
    list_select_related = ("promotion",)
    search_fields = ("code", "folded", "promotion__name")
    fields = (
        "promotion",
        ("code", "is_active"),
        ("usage_limit", "usage_limit_per_customer"),
        "starts_at",
        "ends_at",
    )
    show_full_result_count = False
    actions = ("export",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Coupon]:
        return super().get_queryset(request).annotate(uses_count=LIVE)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("promotion",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Coupon, form: Any, change: bool) -> None:
        """Of a stored row what was edited alone: its uses are counted by orders meanwhile."""
        obj.save(update_fields=form.changed_data if change else None)

    @admin.display
    def state(self, coupon: Coupon) -> str:
        return state_of(coupon)

    @admin.display(description="orders", ordering="uses_count")
    def uses(self, coupon: Coupon) -> str:
        return uses_of(coupon)

    @admin.display(description="promotion", ordering="promotion__name")
    def promotion_name(self, coupon: Coupon) -> str:
        address = reverse("admin:pricing_promotion_change", args=[coupon.promotion_id])
        return format_html('<a class="underline" href="{}">{}</a>', address, coupon.promotion.name)

    @admin.action(description="Export as CSV", permissions=("view",))
    def export(self, request: HttpRequest, queryset: QuerySet[Coupon]) -> HttpResponse:
        return csv_of(queryset, "codes.csv")


def csv_of(coupons: QuerySet[Any], name: str) -> HttpResponse:
    """A code can't begin with what a spreadsheet takes for a formula; a promotion's name is not in the file."""
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    writer = csv.writer(answer)
    writer.writerow(["code", "state", "orders", "limit"])
    for coupon in coupons.iterator(2000):
        writer.writerow([coupon.code, state_of(coupon), coupon.uses_count, coupon.usage_limit or ""])
    return answer
