from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import localize
from unfold.admin import TabularInline

from accounts.models import User
from orders.models import Order, OrderEvent, OrderLine, Shipment
from shop.admin import ReadOnly
from shop.money import Money


class ReadOnlyInline(ReadOnly, TabularInline):
    extra = 0
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("order")


class LineInline(ReadOnlyInline):
    model = OrderLine
    verbose_name_plural = "What was ordered"
    fields = readonly_fields = ("sku", "name", "quantity", "unit_price", "total", "tax")

    @admin.display(description="price")
    def unit_price(self, line: OrderLine) -> str:
        return str(Money(line.unit_price_minor, line.order.currency))

    @admin.display
    def total(self, line: OrderLine) -> str:
        return str(Money(line.gross_minor, line.order.currency))

    @admin.display
    def tax(self, line: OrderLine) -> str:
        return f"{(line.tax_rate * 100).normalize():f} %"


class ShipmentInline(ReadOnlyInline):
    model = Shipment
    verbose_name_plural = "Parcels"
    fields = ("carrier", "tracking_number", "status", "shipped_at", "delivered_at")


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
