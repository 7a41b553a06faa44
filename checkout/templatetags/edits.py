"""Whether the order's page offers to change it."""

from typing import Any

from django import template
from django.utils import timezone

from orders.models import Order

from .. import edits

register = template.Library()


@register.simple_tag(takes_context=True)
def may_edit(context: dict[str, Any], order: Order) -> bool:
    """Reads prefetched parcels."""
    by_staff = edits.is_by_staff(context["request"].user, order)
    return edits.is_editable(order, by_staff=by_staff, now=timezone.now())
