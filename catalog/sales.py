"""The rules of sales: which run, what they are for, and the price that they make.

docs/algorithms/pricing.md, "Catalogue prices", tells them with examples.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from pricing.models import Action, Phase, Promotion
from shop.money import half_up

from .models import Variant


def running(now: datetime) -> list[Promotion]:
    """The promotions that make prices at `now`, the first to be looked at first.

    A price tag asks nobody for a code, a country or a full bag: a promotion with such a condition makes none.
    """
    unconditional = Promotion.objects.running(now).filter(
        phase=Phase.CATALOGUE,
        needs_coupon=False,
        new_customers_only=False,
        countries=[],
        min_goods_minor=0,
        min_quantity__lte=1,
        usage_limit=None,
        usage_limit_per_customer=None,
    )
    return list(unconditional.order_by("priority", "id"))


def best(variant: Variant, sales: Sequence[Promotion]) -> tuple[int | None, Promotion | None]:
    """The first of these sales, in their order, that makes the variant cheaper, after the price that it makes."""
    tags = variant.tags
    for sale in sales:
        if sale.targets and tags.isdisjoint(sale.targets):
            continue
        if not tags.isdisjoint(sale.excluded_targets) or (sale.excludes_sale_items and variant.compare_at_minor):
            continue
        price = price_in(sale, variant.price_minor)
        if price < variant.price_minor:
            return price, sale
    return None, None


def price_in(sale: Promotion, list_minor: int) -> int:
    """What the sale makes of a list price, in minor units: a percentage half up, never below nothing."""
    if sale.action == Action.PERCENT:
        return half_up(list_minor * (100 - Decimal(sale.percent or 0)) / 100)
    amount = sale.amount_minor or 0
    return max(0, list_minor - amount) if sale.action == Action.AMOUNT else amount


def in_scope(targets: Sequence[str]) -> Q:
    """The variants that have one of these tags; all of them for no targets. Says in SQL what `Variant.tags` says."""
    if not targets:
        return Q(pk__isnull=False)
    named: dict[str, list[str]] = {"sku": [], "product": [], "category": [], "brand": []}
    for target in targets:
        kind, _, value = target.partition(":")
        named.get(kind, []).append(value)
    scope = Q(sku__in=named["sku"]) | Q(product__public_id__in=named["product"])
    scope |= Q(product__brand__slug__in=named["brand"])
    for path in named["category"]:
        scope |= Q(product__category__url_path=path) | Q(product__category__url_path__startswith=f"{path}/")
    return scope


def count_touched(promotion: Promotion) -> int:
    """How many variants that can be bought the promotion is meant for."""
    touched = Variant.objects.purchasable().filter(in_scope(promotion.targets))
    if promotion.excluded_targets:
        touched = touched.exclude(in_scope(promotion.excluded_targets))
    return touched.count()
