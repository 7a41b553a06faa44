"""Rows of products for pages that stand below: templates are composition, Python is not."""

from typing import Any

from django import template
from django.utils import timezone

from catalog.models import Product
from recommendations import queries

register = template.Library()
HOME = 8


@register.inclusion_tag("recommendations/_rows.html")
def beside_product(product: Product) -> dict[str, Any]:
    """What is bought together with it, and what is like it."""
    rows = queries.cards_in_rows(queries.beside(product), now=timezone.now())
    return shown(("together", "Bought together", rows["together"]), ("similar", "Similar things", rows["similar"]))


@register.inclusion_tag("recommendations/_rows.html")
def also_needed(cart: Any) -> dict[str, Any]:
    """What is bought together with what lies in the bag."""
    inside = sorted({line.variant.product_id for line in cart.lines})
    rows = {"needed": queries.bought_together(inside, queries.ROW)}
    return shown(("needed", "You may also need", queries.cards_in_rows(rows, now=timezone.now())["needed"]))


@register.inclusion_tag("recommendations/_rows.html", takes_context=True)
def liked_at_home(context: dict[str, Any]) -> dict[str, Any]:
    """For you, to who has bought before; popular now, to everybody else. Nothing in a shop that opened today."""
    user, now = context["user"], timezone.now()
    is_known = user.is_authenticated and queries.has_bought(user)
    ids = queries.for_shopper(user, HOME, now=now) if is_known else queries.popular(HOME)
    cards = queries.cards_in_rows({"liked": ids}, now=now)["liked"]
    return shown(("liked", "For you" if is_known else "Popular now", cards))


def shown(*rows: tuple[str, str, Any]) -> dict[str, Any]:
    return {"rows": [row for row in rows if row[2]]}
