"""What templates of orders and mails show of invoices, without an import of theirs."""

from django import template
from django.db.models import QuerySet

from orders.models import Order

from ..models import Invoice

register = template.Library()


@register.simple_tag
def invoices_of(order: Order) -> QuerySet[Invoice]:
    """The order's invoices and credit notes, the oldest first. One query."""
    return order.invoices.select_related("order", "corrects")
