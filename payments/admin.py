from collections.abc import Callable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline

from shop.admin import ReadOnly
from shop.errors import DomainError
from shop.money import Money

from . import operations
from .models import Payment, PaymentEvent, Refund, WebhookEvent


class EventInline(ReadOnly, TabularInline):
    model = PaymentEvent
    fields = ("created_at", "kind", "phase", "amount_minor", "external_ref", "idempotency_key")
    extra = 0


class RefundInline(ReadOnly, TabularInline):
    model = Refund
    fields = ("created_at", "amount_minor", "reason", "status", "external_id")
    extra = 0


@admin.register(Payment)
class PaymentAdmin(ReadOnly, ModelAdmin):
    list_display = ("public_id", "order", "provider", "status", "amount", "captured", "refunded", "created_at")
    list_filter = ("status", "provider")
    list_select_related = ("order",)
    search_fields = ("public_id", "external_id", "order__number", "order__email")
    ordering = ("-id",)
    show_full_result_count = False
    fields = (
        ("public_id", "order"),
        ("provider", "external_id"),
        ("status", "expires_at"),
        ("amount", "captured", "refunded"),
        ("created_at", "updated_at"),
    )
    readonly_fields = ("amount", "captured", "refunded")
    inlines = (EventInline, RefundInline)
    actions = ("record_money", "refund_in_full")

    @admin.display(ordering="amount_minor")
    def amount(self, payment: Payment) -> str:
        return str(Money(payment.amount_minor, payment.currency))

    @admin.display(ordering="captured_minor")
    def captured(self, payment: Payment) -> str:
        return str(Money(payment.captured_minor, payment.currency))

    @admin.display(ordering="refunded_minor")
    def refunded(self, payment: Payment) -> str:
        return str(Money(payment.refunded_minor, payment.currency))

    @admin.action(description="Record money received (bank transfer, cash on delivery)", permissions=["book"])
    def record_money(self, request: HttpRequest, payments: QuerySet[Payment]) -> None:
        actor = request.user.public_id  # type: ignore[union-attr]
        self._each(
            request,
            payments,
            lambda payment: operations.record_manual_payment(payment.order, actor=actor, now=timezone.now()),
        )

    @admin.action(description="Refund in full", permissions=["refund"])
    def refund_in_full(self, request: HttpRequest, payments: QuerySet[Payment]) -> None:
        self._each(
            request,
            payments,
            lambda payment: operations.refund_rest(payment, reason="refunded by staff", now=timezone.now()),
        )

    def has_book_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("payments.change_payment")

    def has_refund_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("payments.add_refund")

    def _each(self, request: HttpRequest, payments: QuerySet[Payment], act: Callable[[Payment], object]) -> None:
        for payment in payments.select_related("order"):
            try:
                act(payment)
                self.message_user(request, f"Order {payment.order.number}: done.", messages.SUCCESS)
            except DomainError as error:
                self.message_user(request, f"Order {payment.order.number}: {error.text}", messages.ERROR)


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnly, ModelAdmin):
    list_display = ("received_at", "provider", "type", "event_id", "handled_at", "attempts", "last_error")
    list_filter = (("handled_at", admin.EmptyFieldListFilter), "type")
    search_fields = ("event_id",)
    ordering = ("-id",)
    show_full_result_count = False
