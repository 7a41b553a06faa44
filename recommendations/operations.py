"""Every night the shop looks at what was bought together, and replaces what it believes in one transaction."""

import time
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from catalog.models import Variant
from shop import outbox

from .models import Bagged, Generation

ORDERS_FOR, BAGS_FOR, KEPT = timedelta(days=365), timedelta(days=90), timedelta(days=60)
BAG_WEIGHT = 0.2  # putting into a bag says less than paying
MAX_BASKET = 50  # n products make n² pairs: one wholesale order must not cost more than a thousand others
MIN_BASKETS = 2  # one shopper's basket is chance, and nobody else's business
SHRINKAGE = 3.0  # a pair seen so often is believed by half
NEIGHBOURS = 20
HALF_LIFE_DAYS = 30
LOCK = 0x5EC0  # any number that no other job takes

# An order says the same more strongly: with both, one shopper alone would make a pair. Gone for good, as a guest's
# cart is forgotten long before the order is.
FORGET_ORDERED = """
DELETE FROM recommendations_bagged bagged USING cart_cartsnapshot bag WHERE bag.id = bagged.cart AND bag.state <> 'open'
"""

# One row for each basket and product. A guest is known by e-mail address; no address leaves this table.
BASKETS = """
CREATE TEMPORARY TABLE basket ON COMMIT DROP AS
SELECT 'together' AS kind, 'order ' || bought.id AS name, variant.product_id, 1.0::float AS weight,
       max(bought.placed_at) AS at
FROM orders_orderline line JOIN orders_order bought ON bought.id = line.order_id
JOIN catalog_variant variant ON variant.id = line.variant_id
WHERE bought.status NOT IN ('pending', 'cancelled') AND bought.placed_at >= %(orders)s AND bought.placed_at < %(now)s
GROUP BY bought.id, variant.product_id
UNION ALL
SELECT 'together', 'bag ' || cart, product_id, %(bag_weight)s, at FROM recommendations_bagged
WHERE at >= %(bags)s AND at < %(now)s
UNION ALL
SELECT 'shopper', coalesce(bought.user_id::text, lower(bought.email)), variant.product_id, 1.0, max(bought.placed_at)
FROM orders_orderline line JOIN orders_order bought ON bought.id = line.order_id
JOIN catalog_variant variant ON variant.id = line.variant_id
WHERE bought.status NOT IN ('pending', 'cancelled') AND bought.placed_at >= %(orders)s AND bought.placed_at < %(now)s
GROUP BY 2, variant.product_id
"""

NEIGHBOURS_OF_ALL = """
WITH norm AS (SELECT kind, product_id, sum(weight) AS weight FROM basket GROUP BY 1, 2),
telling AS (SELECT kind, name FROM basket GROUP BY 1, 2 HAVING count(*) BETWEEN 2 AND %(max_basket)s),
pair AS (
    SELECT kind, one.product_id, other.product_id AS other_id, sum(one.weight) AS weight
    FROM basket one JOIN telling USING (kind, name) JOIN basket other USING (kind, name)
    WHERE one.product_id <> other.product_id
    GROUP BY 1, 2, 3 HAVING count(*) >= %(min_baskets)s
),
scored AS (
    SELECT pair.kind, pair.product_id, pair.other_id, pair.weight,
           pair.weight / sqrt(a.weight * b.weight) * pair.weight / (pair.weight + %(shrinkage)s) AS score
    FROM pair JOIN norm a ON (a.kind, a.product_id) = (pair.kind, pair.product_id)
    JOIN norm b ON (b.kind, b.product_id) = (pair.kind, pair.other_id)
),
placed AS (
    SELECT *, row_number() OVER (PARTITION BY kind, product_id ORDER BY score DESC, other_id) AS place FROM scored
)
INSERT INTO recommendations_neighbour (kind, product_id, other_id, score, count)
SELECT kind, product_id, other_id, score, weight FROM placed WHERE place <= %(neighbours)s
"""

POPULAR = """
INSERT INTO recommendations_popular (product_id, score)
SELECT product_id, sum(weight * power(0.5, extract(epoch FROM %(now)s - at) / 86400 / %(half_life)s)) FROM basket
WHERE kind = 'together' GROUP BY 1
"""


@transaction.atomic
def generate(now: datetime) -> Generation | None:
    """Makes all recommendations anew from what was bought and bagged before `now`, and tells of it.

    Readers see the old ones until the commit and then the new ones, never a mixture. None when another run is under
    way. Locks: one advisory lock, and the rows of the tables that only this writes.
    """
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return None
        # Nobody waits for this answer: what is too slow for a page is not too slow for the night.
        cursor.execute("SET LOCAL statement_timeout = 0")
        values: dict[str, Any] = {
            "now": now,
            "orders": now - ORDERS_FOR,
            "bags": now - BAGS_FOR,
            "bag_weight": BAG_WEIGHT,
            "max_basket": MAX_BASKET,
            "min_baskets": MIN_BASKETS,
            "shrinkage": SHRINKAGE,
            "neighbours": NEIGHBOURS,
            "half_life": HALF_LIFE_DAYS,
        }
        cursor.execute(FORGET_ORDERED)
        cursor.execute(BASKETS, values)
        cursor.execute("ANALYZE basket")
        cursor.execute("DELETE FROM recommendations_neighbour")
        cursor.execute(NEIGHBOURS_OF_ALL, values)
        pairs = cursor.rowcount
        cursor.execute("DELETE FROM recommendations_popular")
        cursor.execute(POPULAR, values)
        products = cursor.rowcount
        cursor.execute("SELECT count(DISTINCT name) FROM basket WHERE kind = 'together'")
        baskets = cursor.fetchone()[0]
        cursor.execute("DROP TABLE basket")
    seconds = round(time.perf_counter() - started, 3)
    made = Generation.objects.create(made_at=now, baskets=baskets, products=products, pairs=pairs, seconds=seconds)
    outbox.publish(
        "recommendations.generated",
        key=f"recommendations.generated:{made.pk}",
        payload={"generation": made.pk, "products": products, "pairs": pairs},
    )
    return made


def forget_old(now: datetime) -> None:
    Bagged.objects.filter(at__lt=now - BAGS_FOR).delete()
    Generation.objects.filter(made_at__lt=now - KEPT).delete()


def record_bagged(*, cart: int, sku: str, now: datetime) -> None:
    """Remembers that a bag holds the product; a second time, or of a SKU that is gone, changes nothing."""
    product_id = Variant.objects.filter(sku=sku).values_list("product_id", flat=True).first()
    if product_id:
        Bagged.objects.bulk_create([Bagged(cart=cart, product_id=product_id, at=now)], ignore_conflicts=True)
