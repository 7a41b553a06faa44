from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display

from shop.errors import DomainError
from shop.money import Money

from . import operations
from .models import Order, OrderEvent, OrderLine, Shipment
from .queries import actor_of

LABELS = {"pending": "warning", "confirmed": "info", "processing": "info", "shipped": "success", "cancelled": "danger"}


class ReadOnlyInline(TabularInline):
    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LineInline(ReadOnlyInline):
    model = OrderLine
    fields = ("sku", "name", "quantity", "unit_price", "gross", "tax_rate")
    readonly_fields = ("unit_price", "gross")

    @admin.display(description="price")
    def unit_price(self, line: OrderLine) -> str:
        return str(Money(line.unit_price_minor, line.order.currency))

    @admin.display(description="total")
    def gross(self, line: OrderLine) -> str:
        return str(Money(line.gross_minor, line.order.currency))


class EventInline(ReadOnlyInline):
    model = OrderEvent
    fields = ("created_at", "type", "from_status", "to_status", "actor", "payload")


class ShipmentInline(TabularInline):
    """Tracking data may be corrected; parcels are made by shipping the order."""

    model = Shipment
    extra = 0
    can_delete = False
    fields = ("carrier", "tracking_number", "status", "shipped_at", "delivered_at")
    readonly_fields = ("status", "shipped_at", "delivered_at")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Order)
class OrderAdmin(ModelAdmin):
    """Shows an order whole; its status moves by the actions, which are the same verbs as the API's."""

    list_display = ("number", "placed_at", "email", "shown_status", "payment_status", "total", "payment_method")
    list_filter = ("status", "payment_status", "payment_method")
    search_fields = ("number", "email", "public_id", "shipments__tracking_number")
    date_hierarchy = "placed_at"
    show_full_result_count = False
    inlines = (LineInline, ShipmentInline, EventInline)
    actions = ("start_processing", "mark_shipped", "mark_delivered", "cancel")
    actions_submit_line = ("process_one", "ship_one", "deliver_one", "cancel_one")
    fields = (
        ("number", "placed_at"),
        ("status", "payment_status"),
        ("fulfillment_status", "payment_due_at"),
        ("email", "phone"),
        ("user", "public_id"),
        ("deliver_to", "bill_to"),
        ("shipping_name", "payment_method"),
        ("subtotal", "shipping"),
        ("tax", "total"),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple(name for row in self.fields for name in row)

    @display(description="status", ordering="status", label=LABELS)
    def shown_status(self, order: Order) -> str:
        return order.status

    @admin.display
    def deliver_to(self, order: Order) -> str:
        return address_lines(order.shipping_address)

    @admin.display
    def bill_to(self, order: Order) -> str:
        return address_lines(order.billing_address)

    @admin.display(ordering="total_minor")
    def total(self, order: Order) -> str:
        return str(Money(order.total_minor, order.currency))

    @admin.display
    def subtotal(self, order: Order) -> str:
        return str(Money(order.subtotal_minor, order.currency))

    @admin.display
    def shipping(self, order: Order) -> str:
        return str(Money(order.shipping_minor, order.currency))

    @admin.display
    def tax(self, order: Order) -> str:
        return str(Money(order.tax_minor, order.currency))

    # --- Actions on the list

    @admin.action(description="Start processing", permissions=("change",))
    def start_processing(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self.move(request, queryset, Order.Status.PROCESSING)

    @admin.action(description="Mark as shipped", permissions=("change",))
    def mark_shipped(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self.move(request, queryset, Order.Status.SHIPPED)

    @admin.action(description="Mark as delivered", permissions=("change",))
    def mark_delivered(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self.move(request, queryset, Order.Status.DELIVERED)

    @admin.action(description="Cancel and refund", permissions=("change",))
    def cancel(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self.move(request, queryset, Order.Status.CANCELLED)

    # --- The same as buttons of the order's form: a link would do it for whoever lures staff onto it

    @action(description="Start processing", permissions=("change",))
    def process_one(self, request: HttpRequest, order: Order) -> None:
        self.move(request, [order], Order.Status.PROCESSING)

    @action(description="Mark as shipped", permissions=("change",))
    def ship_one(self, request: HttpRequest, order: Order) -> None:
        self.move(request, [order], Order.Status.SHIPPED)

    @action(description="Mark as delivered", permissions=("change",))
    def deliver_one(self, request: HttpRequest, order: Order) -> None:
        self.move(request, [order], Order.Status.DELIVERED)

    @action(description="Cancel and refund", permissions=("change",))
    def cancel_one(self, request: HttpRequest, order: Order) -> None:
        self.move(request, [order], Order.Status.CANCELLED)

    def save_model(self, request: HttpRequest, obj: Order, form: Any, change: bool) -> None:
        """Presses the buttons and saves nothing: it would write back the state from before a payment came."""
        for button in self.get_actions_submit_line(request, obj.pk):
            if button.action_name in request.POST:
                button.method(request, obj)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        if formset.model is not Shipment:
            return super().save_formset(request, form, formset, change)
        for parcel in formset.save(commit=False):
            operations.correct_tracking(
                parcel,
                tracking_number=parcel.tracking_number,
                carrier=parcel.carrier,
                actor=actor_of(request),
                now=timezone.now(),
            )

    def move(self, request: HttpRequest, orders: Iterable[Order], status: str) -> None:
        """Each order by itself: one that can't move leaves the others alone."""
        moved = 0
        for order in orders:
            try:
                operations.set_status(order, status, actor=actor_of(request), now=timezone.now())
                moved += 1
            except DomainError as error:
                messages.error(request, f"{order.number}: {error.text}")
        if moved:
            messages.success(request, f"{moved} order{'' if moved == 1 else 's'} {status}.")


def address_lines(address: dict[str, str]) -> str:
    place = " ".join(address.get(name, "") for name in ("postal_code", "city", "region")).strip()
    lines = [address.get(name, "") for name in ("full_name", "line1", "line2")]
    return format_html_join(
        mark_safe("<br>"), "{}", ((line,) for line in [*lines, place, address.get("country")] if line)
    )
