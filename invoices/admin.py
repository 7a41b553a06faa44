from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline

from orders.queries import VIEW
from shop.admin import ReadOnly
from shop.money import Money

from .models import Invoice, InvoiceLine


class LineInline(ReadOnly, TabularInline):
    model = InvoiceLine
    fields = ("position", "sku", "name", "quantity", "net", "tax_rate", "tax", "gross")
    readonly_fields = ("net", "tax", "gross")
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvoiceLine]:
        return super().get_queryset(request).select_related("invoice")

    def net(self, line: InvoiceLine) -> str:
        return str(Money(line.net_minor, line.invoice.currency))

    def tax(self, line: InvoiceLine) -> str:
        return str(Money(line.tax_minor, line.invoice.currency))

    def gross(self, line: InvoiceLine) -> str:
        return str(Money(line.gross_minor, line.invoice.currency))


@admin.register(Invoice)
class InvoiceAdmin(ReadOnly, ModelAdmin):
    """What was issued, to read and to download. Nothing here can be changed, by nobody."""

    list_display = ("number", "kind", "order_number", "issued_on", "net", "tax", "total", "download")
    list_filter = ("kind", "year", "issued_on")
    list_select_related = ("order",)
    search_fields = ("number", "order_number", "order__email")
    ordering = ("-id",)
    show_full_result_count = False
    fields = (
        ("number", "kind"),
        ("order", "ordered_on"),
        ("issued_on", "corrects"),
        ("supplied_from", "supplied_to"),
        ("net", "tax", "total"),
        ("reason", "refund_id"),
        "payment_note",
        "download",
    )
    readonly_fields = ("net", "tax", "total", "download")
    inlines = (LineInline,)

    def has_view_permission(self, request: HttpRequest, obj: Invoice | None = None) -> bool:
        """Its PDF opens to who may see orders: so does its row."""
        return request.user.has_perm(VIEW)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(VIEW)

    @admin.display(ordering="net_minor")
    def net(self, invoice: Invoice) -> str:
        return str(Money(invoice.net_minor, invoice.currency))

    @admin.display(ordering="tax_minor")
    def tax(self, invoice: Invoice) -> str:
        return str(Money(invoice.tax_minor, invoice.currency))

    @admin.display(ordering="total_minor")
    def total(self, invoice: Invoice) -> str:
        return str(Money(invoice.total_minor, invoice.currency))

    @admin.display(description="PDF")
    def download(self, invoice: Invoice) -> SafeString:
        return format_html('<a href="{}">Download</a>', invoice.get_absolute_url())
