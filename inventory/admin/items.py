from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.http import urlencode
from unfold.admin import ModelAdmin

from inventory import operations
from inventory.models import Reservation, StockItem, StockMovement
from shop.errors import DomainError

from .moves import MOVES, Move, moves_of, units

CHANGE = "inventory.change_stockitem"
SHOWN = 50


class RulesForm(forms.ModelForm):
    safety_stock = units(
        least=0,
        label="Kept back",
        help_text="Units on the shelf that are never sold: for mistakes in counting, or for the shop window.",
    )
    backorder_limit = units(
        least=0,
        label="Sold in advance",
        help_text="Units that may be sold before they are there. 0: only what lies on the shelf.",
    )
    low_stock_threshold = units(
        least=0, label="Low from", help_text="Staff get a mail when no more than so many units can be bought."
    )

    class Meta:
        model = StockItem
        fields = ("safety_stock", "backorder_limit", "low_stock_threshold")


class NeedsAttention(admin.SimpleListFilter):
    title = "needs attention"
    parameter_name = "needs"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("short", "Units are missing"), ("low", "Running low")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "short":
            return queryset.filter(shortfall__gt=0)
        return queryset.low() if self.value() == "low" else queryset  # type: ignore[attr-defined]


@admin.register(StockItem)
class StockItemAdmin(ModelAdmin):
    """An article in one warehouse. Counters are shown; each change of the shelf is a form that leaves a movement."""

    form = RulesForm
    list_display = ("sku", "warehouse", "on_hand", "reserved", "available", "shortfall", "low_stock_threshold")
    list_filter = (NeedsAttention, "warehouse")
    list_before_template = "admin/inventory/stockitem/to_do.html"
    list_select_related = ("warehouse",)
    search_fields = ("sku",)
    ordering = ("sku", "warehouse__priority")
    show_full_result_count = False
    change_form_outer_before_template = "admin/inventory/stockitem/moves.html"
    change_form_outer_after_template = "admin/inventory/stockitem/ledger.html"
    readonly_fields = ("sku", "warehouse", "on_hand", "reserved", "available", "shortfall", "elsewhere")
    fields = (
        ("sku", "warehouse"),
        ("on_hand", "reserved"),
        ("available", "shortfall"),
        "elsewhere",
        "safety_stock",
        "backorder_limit",
        "low_stock_threshold",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="In other warehouses")
    def elsewhere(self, item: StockItem) -> str:
        others = StockItem.objects.filter(sku=item.sku).exclude(pk=item.pk).select_related("warehouse")
        return ", ".join(f"{other.warehouse}: {other.on_hand}" for other in others) or "Nowhere else"

    def save_model(self, request: HttpRequest, obj: StockItem, form: Any, change: bool) -> None:
        """Locks: the stock row. The counters themselves are never saved from the form: it may be minutes old."""
        operations.set_rules(obj, **{name: form.cleaned_data[name] for name in RulesForm.Meta.fields})

    # --- One article

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.move_view)
        return [path("<path:object_id>/move/<slug:name>/", view, name="inventory_stockitem_move"), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **more: Any) -> Any:
        item = more.get("obj")
        if item:
            context |= {"concerned": concerned(item), "promises": promises(item), "movements": movements(item)}
            if request.user.has_perm(CHANGE):
                context["moves"] = [
                    {"url": reverse("admin:inventory_stockitem_move", args=[item.pk, name]), "label": move.label}
                    for name, move in moves_of(item).items()
                ]
        # The ledger below is the history: Django's would be an empty page.
        return super().render_change_form(request, context | {"show_history": False}, *args, **more)

    def move_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Asks on GET, which changes nothing, and acts on POST."""
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        item, move = self.get_object(request, unquote(object_id)), MOVES.get(name)
        if item is None or move is None:
            raise Http404
        page_url = reverse("admin:inventory_stockitem_change", args=[item.pk])
        form = move.form(request.POST if request.method == "POST" else None, item=item)
        if form.is_valid() and self.act(request, item, move, form):
            return redirect(page_url)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "object": item,
            "title": f"{move.label}: {item}",
            "page_url": page_url,
            "move": move,
            "form": form,
        }
        return TemplateResponse(request, "admin/inventory/stockitem/move.html", context)

    def act(self, request: HttpRequest, item: StockItem, move: Move, form: forms.Form) -> bool:
        try:
            with transaction.atomic():
                move.act(item, **form.cleaned_data, actor=getattr(request.user, "public_id", ""))
        except DomainError as error:
            form.add_error(None, error.text)
            return False
        messages.success(request, f"{item.sku} {move.done}.")
        return True


# --- What the page shows below the form

Table = dict[str, Any]


def concerned(item: StockItem) -> Table | None:
    """While units are missing: the orders that wait for them, the newest first, since those can wait longest."""
    if not item.shortfall:
        return None
    waiting = open_reservations(item).allocations().order_by("-created_at", "-id")
    rows = [[link(each.reference), each.quantity, when(each.created_at)] for each in waiting[:SHOWN]]
    return {"headers": ["Order", "Units", "Since"], "rows": rows}


def promises(item: StockItem) -> Table:
    rows = [
        [
            link(each.reference),
            each.quantity,
            "an order" if each.kind == Reservation.Kind.ALLOCATION else "a cart",
            when(each.expires_at) if each.expires_at else "until it is sent",
        ]
        for each in open_reservations(item).order_by(F("expires_at").asc(nulls_last=True), "id")[:SHOWN]
    ]
    return {"headers": ["Promised to", "Units", "Kind", "Until"], "rows": rows}


def movements(item: StockItem) -> Table:
    mine = StockMovement.objects.filter(sku=item.sku, warehouse_id=item.warehouse_id).order_by("-id")
    rows = [
        [
            when(each.created_at),
            each.get_kind_display(),
            f"{each.quantity:+d}",
            format_html("{} {}", each.reason, link(each.reference)),
        ]
        for each in mine[:SHOWN]
    ]
    return {"headers": ["When", "What", "Units", "Why"], "rows": rows}


def open_reservations(item: StockItem) -> Any:
    return Reservation.objects.open().filter(sku=item.sku, warehouse_id=item.warehouse_id)


def link(reference: str) -> str:
    """An order's page is found by its id: stock doesn't know orders."""
    kind, _, name = reference.partition(":")
    if kind != "order":
        return "a shopper" if kind == "cart" else reference
    url = f"{reverse('admin:orders_order_changelist')}?{urlencode({'q': name})}"
    return format_html('<a class="text-important underline" href="{}">{}</a>', url, name)


def when(moment: Any) -> str:
    return localize(timezone.localtime(moment))
