from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from unfold.admin import TabularInline

from accounts.models import User
from orders.models import Order, OrderEvent, OrderLine, Return, ReturnLine, Shipment
from orders.queries import CHANGE
from shop.admin import ReadOnly
from shop.money import Money

from .moves import PARCEL_MOVES, RETURN_MOVES, Move, allowed


class ReadOnlyInline(ReadOnly, TabularInline):
    extra = 0
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("order")


class LineInline(ReadOnlyInline):
    model = OrderLine
    verbose_name_plural = "What was ordered"
    fields = readonly_fields = ("sku", "name", "quantity", "sent", "back", "unit_price", "total", "tax")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return OrderLine.objects.with_units().filter(pk__in=super().get_queryset(request)).select_related("order")

    @admin.display
    def sent(self, line: OrderLine) -> str:
        off = f", {line.cancelled_quantity} taken off" if line.cancelled_quantity else ""
        return f"{line.units_left}{off}"

    @admin.display
    def back(self, line: OrderLine) -> int:
        return line.units_returned

    @admin.display(description="price")
    def unit_price(self, line: OrderLine) -> str:
        return str(Money(line.unit_price_minor, line.order.currency))

    @admin.display
    def total(self, line: OrderLine) -> str:
        return str(Money(line.gross_minor, line.order.currency))

    @admin.display
    def tax(self, line: OrderLine) -> str:
        return f"{(line.tax_rate * 100).normalize():f} %"


class MovesInline(ReadOnlyInline):
    """Rows that staff act on: each has links to what its state allows."""

    moves: Mapping[str, Move]
    kind: str

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        return (*fields, "next") if request.user.has_perm(CHANGE) else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), "next")

    @admin.display(description="what next")
    def next(self, row: Any) -> str:
        links = ((part_url(row, self.kind, name), move.label) for name, move in allowed(self.moves, row).items())
        return format_html_join(
            mark_safe("<br>"), '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', links
        )


class ShipmentInline(MovesInline):
    model = Shipment
    verbose_name_plural = "Parcels"
    fields = ("contents", "carrier", "tracking_number", "status", "shipped_at", "delivered_at")
    readonly_fields = ("contents",)
    moves = PARCEL_MOVES
    kind = "parcel"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request).select_related("replaces", "replacement")
        return rows.prefetch_related("lines__order_line")

    @admin.display
    def contents(self, parcel: Shipment) -> str:
        names = [f"{line.quantity} × {line.order_line.name}" for line in parcel.lines.all()]
        return format_html_join(mark_safe("<br>"), "{}", ((name,) for name in names))


class ReturnInline(MovesInline):
    model = Return
    verbose_name_plural = "Returns"
    fields = ("contents", "note", "status", "answer", "requested_at", "received_at")
    readonly_fields = ("contents",)
    moves = RETURN_MOVES
    kind = "return"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("lines__order_line")

    @admin.display
    def contents(self, made: Return) -> str:
        return format_html_join(mark_safe("<br>"), "{}", ((self.words(line),) for line in made.lines.all()))

    @staticmethod
    def words(line: ReturnLine) -> str:
        became = f", {line.get_disposition_display().lower()}" if line.disposition else ""
        return f"{line.quantity} × {line.order_line.name}: {line.get_reason_display().lower()}{became}"


class EventInline(ReadOnlyInline):
    model = OrderEvent
    verbose_name_plural = "History"
    fields = readonly_fields = ("when", "what", "details", "who")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        people = User.objects.filter(public_id=OuterRef("actor")).values("email")[:1]
        return super().get_queryset(request).annotate(email=Subquery(people))

    @admin.display
    def when(self, event: OrderEvent) -> str:
        return localize(timezone.localtime(event.created_at))

    @admin.display
    def what(self, event: OrderEvent) -> str:
        return event.type.replace("_", " ").capitalize()

    @admin.display
    def details(self, event: OrderEvent) -> str:
        given = event.payload
        if event.type == "placed":
            return str(Money(given["total_minor"], event.order.currency))
        if event.type == "payment_method":
            names = dict(Order.PaymentMethod.choices)
            return " to ".join(str(names.get(given[end], given[end])) for end in ("from", "to"))
        words = (given.get(name) for name in ("carrier", "tracking_number", "reason", "payment", "mail"))
        return ", ".join(word for word in words if word)

    @admin.display
    def who(self, event: OrderEvent) -> str:
        return getattr(event, "email", None) or event.actor.capitalize()


def part_url(part: Shipment | Return, kind: str, name: str) -> str:
    return reverse(f"admin:orders_order_{kind}", args=[part.order_id, part.public_id, name])
