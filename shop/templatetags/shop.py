"""Builtins of every template: money for people, and links that keep the rest of the query."""

from typing import Any

from babel import Locale
from django import template
from django.conf import settings
from django.http import HttpRequest

from shop.money import Money

register = template.Library()


@register.filter
def money(minor: int | None, currency: str = "") -> str:
    """`{{ line.gross|money }}` in the shop's currency, `{{ order.total|money:order.currency }}` in the order's."""
    return "" if minor is None else str(Money(minor, currency or settings.SHOP_CURRENCY))


@register.filter
def country_name(code: str) -> str:
    """`{{ address.country|country_name }}` in the shop's language; a code that nobody knows stays as it is."""
    return str(Locale.parse(settings.SHOP_LOCALE).territories.get(code, code))


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The current query string with `changes`, in a stable order; None or "" takes the parameter out."""
    request: HttpRequest = context["request"]
    parameters = request.GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            parameters.pop(name, None)
        else:
            parameters[name] = value
    ordered = parameters.copy()
    ordered.clear()
    for name in sorted(parameters):
        ordered.setlist(name, parameters.getlist(name))
    return f"?{ordered.urlencode()}" if ordered else "?"
