from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from unfold.admin import ModelAdmin, TabularInline

from shop.admin import ReadOnly
from shop.errors import DomainError
from shop.money import Money

from . import operations
from .forms import AmountForm, RefundForm
from .models import Payment, PaymentEvent, Refund, WebhookEvent


class EventInline(ReadOnly, TabularInline):
    model = PaymentEvent
    fields = ("created_at", "kind", "phase", "amount", "external_ref", "idempotency_key")
    readonly_fields = ("amount",)
    extra = 0
    hide_title = True

    @admin.display
    def amount(self, event: PaymentEvent) -> str:
        return str(Money(event.amount_minor, event.payment.currency))


class RefundInline(ReadOnly, TabularInline):
    model = Refund
    fields = ("created_at", "kind", "amount", "reason", "status", "external_id")
    readonly_fields = ("amount",)
    extra = 0
    hide_title = True

    @admin.display
    def amount(self, refund: Refund) -> str:
        return str(Money(refund.amount_minor, refund.payment.currency))


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
        ("provider", "external_name"),
        ("status", "created_at"),
        ("expires_at", "capture_before"),
        ("amount", "captured"),
        ("refunded", "disputed"),
    )
    readonly_fields = ("external_name", "amount", "captured", "refunded", "disputed")
    change_form_outer_before_template = "admin/payments/payment/moves.html"
    inlines = (EventInline, RefundInline)
    actions = ("record_money", "refund_in_full")

    @admin.display(description="the provider's name for it")
    def external_name(self, payment: Payment) -> str:
        """May be broken: it is longer than its column."""
        name = payment.external_id or ""
        return format_html_join("", "{}<wbr>", ((name[start : start + 12],) for start in range(0, len(name), 12)))

    @admin.display(ordering="amount_minor")
    def amount(self, payment: Payment) -> str:
        return str(Money(payment.amount_minor, payment.currency))

    @admin.display(ordering="captured_minor")
    def captured(self, payment: Payment) -> str:
        return str(Money(payment.captured_minor, payment.currency))

    @admin.display(ordering="refunded_minor")
    def refunded(self, payment: Payment) -> str:
        return str(Money(payment.refunded_minor, payment.currency))

    @admin.display(description="taken back by the bank", ordering="disputed_minor")
    def disputed(self, payment: Payment) -> str:
        return str(Money(payment.disputed_minor, payment.currency))

    # --- One payment: each address asks on GET, which changes nothing, and acts on POST

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/refund/", wrap(self.refund_view), name="payments_payment_refund"),
            path("<path:object_id>/capture/", wrap(self.capture_view), name="payments_payment_capture"),
            path("<path:object_id>/release/", wrap(self.release_view), name="payments_payment_release"),
            path("<path:object_id>/compare/", wrap(self.compare_view), name="payments_payment_compare"),
            *super().get_urls(),
        ]

    def refund_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Units of the payment's order: filled in, shown as a sum with its tax, and only then given back."""
        payment = self._found(request, object_id, self.has_refund_permission)
        order, actor = payment.order, request.user.public_id  # type: ignore[union-attr]
        form = RefundForm(request.POST if request.method == "POST" else None, order=order)
        preview = None
        if form.is_valid():
            try:
                preview = _preview(form)
                # A sum that was changed after it had been shown is shown again.
                if request.POST.get("shown") == preview["total"] and "confirmed" in request.POST:
                    self._refund(form, actor)
                    messages.success(request, f"Order {order.number}: {preview['total']} refunded.")
                    return redirect(_page(payment))
            except DomainError as error:
                form.add_error(None, error.text)
        context = {"form": form, "preview": preview}
        return self._page(request, payment, "Refund", "admin/payments/payment/refund.html", context)

    def _refund(self, form: RefundForm, actor: str) -> None:
        key, reason, now = f"admin:{form.cleaned_data['key']}", form.cleaned_data["reason"], timezone.now()
        if form.amount_minor:
            operations.refund_amount(form.order, form.amount_minor, reason=reason, key=key, now=now)
        else:
            operations.refund_units(
                form.order,
                form.quantities,
                shipping_minor=form.shipping_minor,
                is_restocked=form.cleaned_data["is_restocked"],
                reason=reason,
                key=key,
                actor=actor,
                now=now,
            )

    def capture_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        payment = self._found(request, object_id, self.has_book_permission)
        data = request.POST if request.method == "POST" else None
        form = AmountForm(data, most_minor=payment.amount_minor, currency=payment.currency)
        if form.is_valid():
            actor = request.user.public_id  # type: ignore[union-attr]
            return self._act(
                request,
                payment,
                "captured",
                lambda: operations.capture(payment, form.amount_minor, actor=actor, now=timezone.now()),
            )
        note = "What is not captured goes back to the buyer at once, and can't be captured later."
        context = {"form": form, "note": note, "label": "Capture"}
        return self._page(request, payment, "Capture", "admin/payments/payment/ask.html", context)

    def release_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        payment = self._found(request, object_id, self.has_book_permission)
        if request.method == "POST":
            actor = request.user.public_id  # type: ignore[union-attr]
            return self._act(
                request, payment, "released", lambda: operations.void(payment, actor=actor, now=timezone.now())
            )
        amount = Money(payment.amount_minor, payment.currency)
        note = f"The buyer's bank lets the {amount} go. The order stays as it is, unpaid. This can't be undone."
        context = {"form": Form(), "note": note, "label": "Release", "is_danger": True}
        return self._page(request, payment, "Release", "admin/payments/payment/ask.html", context)

    def compare_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the provider has, beside what our books expect; and what can be done where they differ."""
        payment = self._found(request, object_id, self.has_book_permission)
        now, actor = timezone.now(), request.user.public_id  # type: ignore[union-attr]
        if request.method == "POST":
            if "accept" in request.POST:
                return self._act(request, payment, "accepted", lambda: operations.accept(payment, actor=actor, now=now))
            if "give_back" in request.POST:
                if not self.has_refund_permission(request):
                    raise PermissionDenied
                return self._act(
                    request, payment, "given back", lambda: operations.give_back(payment, actor=actor, now=now)
                )
            return self._act(request, payment, "read again", lambda: operations.settle(payment, now=now))
        try:
            difference = operations.compare(payment)
        except DomainError as error:
            messages.error(request, error.text)
            return redirect(_page(payment))
        context = {"difference": difference, "expected": f"{self.amount(payment)}, {payment.get_status_display()}"}
        return self._page(request, payment, "Compare", "admin/payments/payment/compare.html", context)

    def _found(self, request: HttpRequest, object_id: str, allows: Callable[[HttpRequest], bool]) -> Payment:
        if not allows(request):
            raise PermissionDenied
        payment = self.get_object(request, unquote(object_id))
        if payment is None:
            raise Http404
        return payment

    def _act(self, request: HttpRequest, payment: Payment, done: str, act: Callable[[], Payment]) -> HttpResponse:
        try:
            act()
            payment.refresh_from_db()
            messages.success(request, f"Order {payment.order.number}: {done}, the payment is {payment.status}.")
        except DomainError as error:
            messages.error(request, f"Order {payment.order.number}: {error.text}")
        return redirect(_page(payment))

    def _page(
        self, request: HttpRequest, payment: Payment, label: str, template: str, context: dict[str, Any]
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "payment": payment,
            "title": f"{label}: order {payment.order.number}",
            "payment_url": _page(payment),
            **context,
        }
        return TemplateResponse(request, template, context)

    # --- Several, on the list

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


def _page(payment: Payment) -> str:
    return reverse("admin:payments_payment_change", args=[payment.pk])


def _preview(form: RefundForm) -> dict[str, Any]:
    """Line by line what goes back, with its tax, in words."""
    currency = form.order.currency
    if form.amount_minor:
        shares = operations.preview_amount(form.order, form.amount_minor)
    else:
        shares = operations.preview_lines(form.order, form.quantities, shipping_minor=form.shipping_minor)

    def row(name: str, part: operations.Part) -> dict[str, str]:
        return {
            "name": f"{part.quantity} x {name}" if part.quantity else name,
            "tax": str(Money(part.tax_minor, currency)),
            "total": str(Money(part.gross_minor, currency)),
        }

    rows = [row(line.name, shares.lines[line.public_id]) for line in form.lines if line.public_id in shares.lines]
    if shares.shipping.gross_minor:
        rows.append(row("Delivery", shares.shipping))
    return {"rows": rows, "total": str(Money(shares.gross_minor, currency))}


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnly, ModelAdmin):
    list_display = ("received_at", "provider", "type", "event_id", "handled_at", "attempts", "last_error")
    list_filter = (("handled_at", admin.EmptyFieldListFilter), "type")
    search_fields = ("event_id",)
    ordering = ("-id",)
    show_full_result_count = False
