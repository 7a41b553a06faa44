from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from unfold.admin import ModelAdmin
from unfold.decorators import display

from orders import operations
from orders.models import Order, Return, Shipment
from orders.queries import CHANGE, actor_of
from shop.admin import ReadOnly
from shop.errors import DomainError
from shop.money import Money
from shop.templatetags.shop import country_name

from .inlines import EventInline, LineInline, ReturnInline, ShipmentInline
from .moves import MOVES, PARCEL_MOVES, RETURN_MOVES, Move, allowed, refund_note

Status = Order.Status
LABELS = {
    Status.PENDING: "warning",
    Status.CONFIRMED: "info",
    Status.PROCESSING: "info",
    Status.SHIPPED: "success",
    Status.DELIVERED: "success",
    Status.CANCELLED: "danger",
}


class OpenReturns(admin.SimpleListFilter):
    title = "returns"
    parameter_name = "returns"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "To decide or on their way")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        if self.value() != "open":
            return queryset
        return queryset.filter(pk__in=Return.objects.filter(status__in=Return.OPEN).values("order"))


@admin.register(Order)
class OrderAdmin(ReadOnly, ModelAdmin):
    """Shows an order whole; its status moves by the same verbs as the API's."""

    list_display = ("number", "placed_at", "email", "shown_status", "payment_status", "total", "payment_method")
    list_filter = ("status", "payment_status", "fulfillment_status", "payment_method", OpenReturns)
    list_before_template = "admin/orders/order/to_do.html"
    search_fields = ("number", "email", "public_id", "shipments__tracking_number")
    date_hierarchy = "placed_at"
    show_full_result_count = False
    change_form_outer_before_template = "admin/orders/order/moves.html"
    inlines = (LineInline, ShipmentInline, ReturnInline, EventInline)
    actions = ("process_all", "ship_all", "deliver_all")
    fields = (
        ("status", "payment_status", "fulfillment_status"),
        ("placed_at", "payment_due_at"),
        ("email", "phone"),
        ("user", "public_id"),
        ("deliver_to", "bill_to"),
        ("delivery", "payment_method"),
        ("subtotal", "discount"),
        ("shipping", "tax"),
        ("total",),
    )
    readonly_fields = (
        "deliver_to",
        "bill_to",
        "delivery",
        "subtotal",
        "discount",
        "shipping",
        "tax",
        "total",
    )

    def get_inlines(self, request: HttpRequest, obj: Order | None) -> list[Any]:
        absent = set()
        if obj is None or not obj.shipments.exists():
            absent.add(ShipmentInline)
        if obj is None or not obj.returns.exists():
            absent.add(ReturnInline)
        return [inline for inline in self.inlines if inline not in absent]

    def has_move_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(CHANGE)

    @display(description="status", ordering="status", label=LABELS)
    def shown_status(self, order: Order) -> tuple[str, str]:
        return order.status, order.get_status_display()

    @admin.display(description="deliver to")
    def deliver_to(self, order: Order) -> str:
        return address_lines(order.shipping_address)

    @admin.display(description="bill to")
    def bill_to(self, order: Order) -> str:
        return address_lines(order.billing_address)

    @admin.display
    def delivery(self, order: Order) -> str:
        return order.shipping_name

    @admin.display(ordering="total_minor")
    def total(self, order: Order) -> str:
        return str(Money(order.total_minor, order.currency))

    @admin.display(description="goods")
    def subtotal(self, order: Order) -> str:
        return str(Money(order.subtotal_minor, order.currency))

    @admin.display
    def discount(self, order: Order) -> str:
        """What is off the goods, and every promotion by name; those of the delivery are in its price already."""
        amounts = [
            f"{each.name}{f' ({each.code})' if each.code else ''} {Money(each.amount_minor, order.currency)}"
            for each in order.applied
        ]
        total = str(Money(order.discount_minor, order.currency))
        return f"{total}: {', '.join(amounts)}" if amounts else total

    @admin.display
    def shipping(self, order: Order) -> str:
        return str(Money(order.shipping_minor, order.currency))

    @admin.display
    def tax(self, order: Order) -> str:
        return str(Money(order.tax_minor, order.currency))

    # --- One order

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/move/<slug:name>/", wrap(self.move_view), name="orders_order_move"),
            path("<path:object_id>/parcel/<str:part>/<slug:name>/", wrap(self.parcel_view), name="orders_order_parcel"),
            path("<path:object_id>/return/<str:part>/<slug:name>/", wrap(self.return_view), name="orders_order_return"),
            *super().get_urls(),
        ]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **more: Any) -> Any:
        order = more.get("obj")
        if order and self.has_move_permission(request):
            context["moves"] = [
                {"url": move_url(order, name), "label": move.label, "name": name}
                for name, move in allowed(MOVES, order).items()
            ]
        # The history is the order's own, below: Django's would be an empty page.
        return super().render_change_form(request, context | {"show_history": False}, *args, **more)

    def move_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        order = self.order_to_move(request, object_id)
        return self.ask_and_act(request, order, order, MOVES, name)

    def parcel_view(self, request: HttpRequest, object_id: str, part: str, name: str) -> HttpResponse:
        order = self.order_to_move(request, object_id)
        parcel = order.shipments.select_related("order", "replacement").filter(public_id=part).first()
        return self.ask_and_act(request, order, parcel, PARCEL_MOVES, name)

    def return_view(self, request: HttpRequest, object_id: str, part: str, name: str) -> HttpResponse:
        order = self.order_to_move(request, object_id)
        made = order.returns.select_related("order").filter(public_id=part).first()
        return self.ask_and_act(request, order, made, RETURN_MOVES, name)

    def order_to_move(self, request: HttpRequest, object_id: str) -> Order:
        if not self.has_move_permission(request):
            raise PermissionDenied
        order = self.get_object(request, unquote(object_id))
        if order is None:
            raise Http404
        return order

    def ask_and_act(
        self,
        request: HttpRequest,
        order: Order,
        subject: Order | Shipment | Return | None,
        moves: Mapping[str, Move],
        name: str,
    ) -> HttpResponse:
        """Asks on GET, which changes nothing, and acts on POST."""
        move = moves.get(name)
        if subject is None or move is None:
            raise Http404
        if request.method != "POST" and not move.allows(subject):
            what = f"Order {order.number}" if subject is order else "It"
            messages.error(request, f"{what} is {subject.status}: that can't be done now.")
            return redirect(page_url(order))
        form = move.form(request.POST if request.method == "POST" else None, subject=subject)
        if form.is_valid():
            self.act(request, order, subject, move, form.given)
            return redirect(page_url(order))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "object": order,
            "title": f"{move.label}: {order.number}",
            "order_url": page_url(order),
            "move": move,
            "form": form,
            "refund": refund_note(order) if move is MOVES["cancel"] else "",
        }
        return TemplateResponse(request, "admin/orders/order/move.html", context)

    def act(self, request: HttpRequest, order: Order, subject: Any, move: Move, given: dict[str, Any]) -> None:
        try:
            move.act(subject, **given, actor=actor_of(request), now=timezone.now())
            messages.success(request, f"Order {order.number} {move.done}.")
        except DomainError as error:
            messages.error(request, f"Order {order.number}: {error.text}")

    # --- Several, on the list. Cancelling asks for a reason and tells what it costs: one by one.

    @admin.action(description="Start processing", permissions=("move",))
    def process_all(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self.move_all(request, queryset, Status.PROCESSING)

    @admin.action(description="Mark as shipped, without tracking numbers", permissions=("move",))
    def ship_all(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self.move_all(request, queryset, Status.SHIPPED)

    @admin.action(description="Mark as delivered", permissions=("move",))
    def deliver_all(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self.move_all(request, queryset, Status.DELIVERED)

    def move_all(self, request: HttpRequest, orders: QuerySet[Order], status: str) -> None:
        """Each order by itself: one that can't move leaves the others alone."""
        moved = 0
        for order in orders:
            try:
                operations.set_status(order, status, actor=actor_of(request), now=timezone.now())
                moved += 1
            except DomainError as error:
                messages.error(request, f"Order {order.number}: {error.text}")
        if moved:
            messages.success(request, f"{moved} order{'' if moved == 1 else 's'} {status}.")


def page_url(order: Order) -> str:
    return reverse("admin:orders_order_change", args=[order.pk])


def move_url(order: Order, name: str) -> str:
    return reverse("admin:orders_order_move", args=[order.pk, name])


def address_lines(address: dict[str, str]) -> str:
    place = " ".join(address.get(name, "") for name in ("postal_code", "city", "region")).strip()
    country = country_name(address.get("country", ""))
    lines = [*(address.get(name, "") for name in ("full_name", "line1", "line2")), place, country]
    return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in lines if line))
