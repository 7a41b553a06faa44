"""What is asked for each variant: sales that begin and end, the lowest price of a product, the history of all prices.

docs/algorithms/pricing.md, "Catalogue prices", tells the rules with examples.
"""

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile

from django.db import connection, transaction
from django.db.models import Q

from pricing.models import Promotion

from ..models import Product, Repricing, Variant
from ..sales import best, in_scope, running

log = logging.getLogger(__name__)

BATCH = 500
RUN_SECONDS = 30
ONLY = 1
SYSTEM = "system"

SET_SALES = """
UPDATE catalog_variant AS variant SET sale_price_minor = wanted.price, sale_until = wanted.until, sale_id = wanted.sale
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::bigint[]) AS wanted (id, price, until, sale)
WHERE variant.id = wanted.id
"""

# Compared with the last entry instead of with what the caller believes: whatever wrote the price, it is recorded once.
SETTLE = """
WITH asked AS (
    SELECT variant.id, variant.product_id, variant.is_active, coalesce(sale.name, '') AS sale,
        coalesce(sale_price_minor, price_minor) AS price,
        CASE WHEN sale_price_minor IS NULL THEN compare_at_minor ELSE price_minor END AS compare_at
    FROM catalog_variant AS variant LEFT JOIN pricing_promotion AS sale ON sale.id = variant.sale_id
    WHERE variant.product_id = ANY(%(products)s)
), recorded AS (
    INSERT INTO catalog_pricechange (variant_id, price_minor, compare_at_minor, sale, actor, at)
    SELECT asked.id, asked.price, asked.compare_at, asked.sale, %(actor)s, %(now)s
    FROM asked LEFT JOIN LATERAL (
        SELECT price_minor, compare_at_minor FROM catalog_pricechange
        WHERE variant_id = asked.id ORDER BY id DESC LIMIT 1
    ) AS last ON true
    WHERE (asked.price, asked.compare_at) IS DISTINCT FROM (last.price_minor, last.compare_at_minor)
    ORDER BY asked.id
    RETURNING variant_id
), lowest AS (
    SELECT product_id AS id, min(price) FILTER (WHERE is_active) AS price,
        bool_or(asked.id IN (SELECT variant_id FROM recorded)) AS is_changed
    FROM asked GROUP BY product_id
), projected AS (
    UPDATE catalog_product AS product
    SET price_minor = coalesce(lowest.price, product.price_minor), updated_at = %(now)s
    FROM lowest WHERE product.id = lowest.id AND (is_changed OR lowest.price <> product.price_minor)
    RETURNING product.id
)
SELECT (SELECT count(*) FROM recorded), (SELECT count(*) FROM projected)
"""


def reprice(product_ids: Sequence[int], *, now: datetime, actor: str, sales: Sequence[Promotion] | None = None) -> int:
    """Makes right what these products cost at `now`: sale prices, lowest price, history. Returns the changed variants.

    The same statement that changes a product's price records it. The caller has locked the products, or made them.
    """
    sales = running(now) if sales is None else sales
    variants = Variant.objects.filter(product__in=product_ids).select_related("product__category", "product__brand")
    rows = []
    for variant in variants:
        price, sale = best(variant, sales)
        until, sale_id = (sale.ends_at, sale.pk) if sale else (None, None)
        if (price, until, sale_id) != (variant.sale_price_minor, variant.sale_until, variant.sale_id):
            rows.append((variant.pk, price, until, sale_id))
    with connection.cursor() as cursor:
        if rows:
            cursor.execute(SET_SALES, [list(column) for column in zip(*rows, strict=True)])
        cursor.execute(SETTLE, {"products": list(product_ids), "actor": actor, "now": now})
        return cursor.fetchone()[0]


@transaction.atomic
def reprice_one(product_id: int, *, now: datetime) -> None:
    """The same for one product; nothing happens for one that is gone. Locks: the product."""
    if Product.objects.select_for_update(no_key=True).filter(pk=product_id).exists():
        reprice([product_id], now=now, actor=SYSTEM)


# --- All of them


def apply_sales(now: datetime, *, seconds: float = RUN_SECONDS) -> int:
    """Brings every price in line with the sales that run at `now`; returns how many variants cost something else.

    Nothing is done while the sales are the same as at the last run. Else all products that are in a sale or shall be
    are gone through in steps that commit on their own: a run that was cut off, or whose `seconds` are over, is gone on
    with by the next, and two at once share the work.
    Locks: the row of `Repricing`, then the products of one step.
    """
    Repricing.objects.get_or_create(pk=ONLY, defaults={"as_of": now})
    changed, ends = 0, time.monotonic() + seconds
    while time.monotonic() < ends and (step := _step(now)) is not None:
        changed += step
    return changed


@transaction.atomic
def forget_applied() -> None:
    """Has the next `apply_sales` go through everything: addresses that targets name have changed.

    Locks: the row of `Repricing`.
    """
    Repricing.objects.filter(pk=ONLY).update(rules="")


@transaction.atomic
def _step(now: datetime) -> int | None:
    """Reprices the next products; None when all are done."""
    progress = Repricing.objects.select_for_update().get(pk=ONLY)
    # Read behind the lock: whoever waited for it may have come with sales that were changed meanwhile.
    sales = running(now)
    rules = _digest(sales)
    if now < progress.as_of or (progress.is_complete and rules == progress.rules):
        return None
    if rules != progress.rules:
        progress.rules, progress.done_up_to, progress.products, progress.is_complete = rules, 0, 0, False
    progress.as_of = now
    scope = Q(sale_price_minor__isnull=False)
    for sale in sales:
        scope |= in_scope(sale.targets)
    affected = Variant.objects.filter(scope, product__gt=progress.done_up_to).order_by("product_id")
    ids = list(affected.values_list("product_id", flat=True).distinct()[:BATCH])
    done = _lock(ids)
    changed = reprice(done, now=now, actor=SYSTEM, sales=sales) if done else 0
    progress.products += len(done)
    progress.done_up_to = done[-1] if done else progress.done_up_to
    progress.is_complete = not done
    progress.save()
    if progress.is_complete:
        log.info("sales applied to %s products", progress.products)
    return changed


def _lock(ids: Sequence[int]) -> list[int]:
    """Locks the products up to the first that is being written, which the next step then waits for.

    An import holds many products in the order of its file: waiting for one while holding others could be a deadlock.
    """
    if not ids:
        return []
    products = Product.objects.order_by("pk").values_list("pk", flat=True)
    list(products.filter(pk=ids[0]).select_for_update(no_key=True))
    free = set(products.filter(pk__in=ids[1:]).select_for_update(no_key=True, skip_locked=True))
    return [ids[0], *takewhile(free.__contains__, ids[1:])]


def _digest(sales: Sequence[Promotion]) -> str:
    rules = [
        [s.pk, s.action, s.percent, s.amount_minor, s.targets, s.excluded_targets, s.excludes_sale_items, s.ends_at]
        for s in sales
    ]
    return hashlib.sha256(json.dumps(rules, default=str).encode()).hexdigest()
