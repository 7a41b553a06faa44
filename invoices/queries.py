from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Sum

from orders.models import Order, OrderEvent
from payments.models import Payment, Refund

from .errors import InvoiceNotFound
from .models import Invoice

EDITED = "edited"
Status, PaymentStatus = Order.Status, Order.PaymentStatus
# An event is tried for half a day; what is older than this was placed before the shop wrote invoices.
LOOK_BACK = timedelta(days=30)


def get(order: Order, number: str) -> Invoice:
    """The order's invoice or credit note of that number, lines and all. Raises InvoiceNotFound."""
    found = of_order(order).filter(number=number).first()
    if found is None:
        raise InvoiceNotFound
    return found


def of_order(order: Order) -> QuerySet[Invoice]:
    """Its invoices and credit notes with their lines, the oldest first. Two queries."""
    return order.invoices.select_related("order", "corrects").prefetch_related("lines")


def is_due(order: Order) -> bool:
    """Whether the order has to have an invoice: its money is there, or asked for by bank transfer, or it has left."""
    if order.status == Status.CANCELLED:
        return False
    return (
        order.payment_method == Order.PaymentMethod.INVOICE
        or has_been_paid(order)
        or order.fulfillment_status != Order.FulfillmentStatus.UNFULFILLED
    )


def was_paid() -> QuerySet[Order]:
    """Orders of which all the money came and some went back. A part of what was set aside on a card is not all."""
    back = [PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED]
    came = Payment.objects.filter(order=OuterRef("pk")).order_by().values("order").annotate(sum=Sum("captured_minor"))
    return Order.objects.filter(payment_status__in=back, total_minor__lte=Subquery(came.values("sum")))


def has_been_paid(order: Order) -> bool:
    return order.payment_status == PaymentStatus.PAID or was_paid().filter(pk=order.pk).exists()


def edition_of(order: Order) -> int:
    """Which invoice of the order fits it as it is now: 1, and one more after each edit."""
    return 1 + order.events.filter(type=EDITED).count()


def standing(order: Order) -> Invoice | None:
    """The order's newest invoice, which all earlier ones were credited for."""
    return order.invoices.filter(kind=Invoice.Kind.INVOICE).prefetch_related("lines__credits").last()


def uncredited(order: Order) -> QuerySet[Refund]:
    """What was given back of the order itself, without a credit note so far."""
    known = order.invoices.exclude(refund_id="").values("refund_id")
    refunds = Refund.objects.filter(payment__order=order, status=Refund.Status.SUCCEEDED)
    divided = refunds.exclude(kind=Refund.Kind.UNDIVIDED).exclude(public_id__in=known)
    return divided.prefetch_related("lines__order_line").order_by("id")


def behind(now: datetime) -> QuerySet[Order]:
    """Orders of which a document may be missing: a refund, an end, an edit or an invoice that was not written down."""
    since = now - LOOK_BACK
    of_order = Invoice.objects.filter(order=OuterRef("pk"))
    invoices = of_order.filter(kind=Invoice.Kind.INVOICE)
    is_invoiced = Exists(invoices)
    notes = Invoice.objects.filter(refund_id=OuterRef("public_id"))
    refunds = Refund.objects.filter(status=Refund.Status.SUCCEEDED, created_at__gte=since)
    refunded = refunds.exclude(kind=Refund.Kind.UNDIVIDED).exclude(Exists(notes)).values("payment__order")
    edited = OrderEvent.objects.filter(type=EDITED, created_at__gte=since).exclude(
        Exists(Invoice.objects.filter(order=OuterRef("order"), issued_at__gte=OuterRef("created_at")))
    )
    paid = Q(payment_status=PaymentStatus.PAID) | Q(pk__in=was_paid())
    by_transfer = Q(payment_method=Order.PaymentMethod.INVOICE)
    has_left = ~Q(fulfillment_status=Order.FulfillmentStatus.UNFULFILLED)
    is_void = Q(status=Status.CANCELLED, payment_status=PaymentStatus.VOIDED)
    recent = Q(placed_at__gte=since)
    return Order.objects.filter(redacted_at=None).filter(
        (recent & (paid | by_transfer | has_left) & ~Q(status=Status.CANCELLED) & ~is_invoiced)
        | (recent & is_void & is_invoiced & ~Exists(of_order.filter(kind=Invoice.Kind.CREDIT_NOTE)))
        | (Q(pk__in=refunded) & is_invoiced)
        | (Q(pk__in=edited.values("order")) & is_invoiced)
    )
