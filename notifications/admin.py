from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from orders.models import Order
from orders.queries import CHANGE, VIEW, actor_of
from shop.admin import ReadOnly
from shop.errors import DomainError

from . import operations
from .models import MailLog
from .queries import earned

LABELS = {
    "placed": "How to pay",
    "paid": "Confirmation",
    "shipped": "Shipped",
    "delivered": "Delivered",
    "cancelled": "Cancelled",
    "refunded": "Refunded",
}


@admin.register(MailLog)
class MailLogAdmin(ReadOnly, ModelAdmin):
    list_display = ("created_at", "subject", "recipient", "sent_at")
    search_fields = ("recipient", "subject")
    show_full_result_count = False

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.order_mails)
        return [path("order/<int:pk>/", view, name="notifications_order_mails"), *super().get_urls()]

    def order_mails(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What was sent about one order, and a button for each mail that is true of it now."""
        if not (self.has_view_permission(request) and request.user.has_perm(VIEW)):
            raise PermissionDenied
        order = get_object_or_404(Order, pk=pk)
        may_send = request.user.has_perm(CHANGE)
        if request.method == "POST":
            if not may_send:
                raise PermissionDenied
            self.send_again(request, order, request.POST.get("mail", ""))
            return redirect(request.path)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Mails about order {order.number}",
            "order": order,
            "order_url": reverse("admin:orders_order_change", args=[order.pk]),
            "may_send": may_send,
            "mails": [(mail, LABELS[mail]) for mail in earned(order)],
            "log": MailLog.objects.filter(order=order),
        }
        return TemplateResponse(request, "admin/notifications/order_mails.html", context)

    def send_again(self, request: HttpRequest, order: Order, mail: str) -> None:
        try:
            operations.resend(order, mail, actor=actor_of(request), now=timezone.now())
            messages.success(request, f"The mail is on its way to {order.email}.")
        except DomainError as error:
            messages.error(request, error.text)
