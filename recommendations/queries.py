"""Which products to show beside others. Ids by one query a row; all rows of a page are then read together.

Whatever is answered can be bought at that moment.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet, Sum

from accounts.models import User
from catalog.models import Category, Product
from catalog.queries import Card, cards, similar_to

from .models import Neighbour, Popular

ROW = 4
HISTORY = 50

# Neighbours of what this shopper bought, the recent and frequent counting more; then what is popular in the categories
# bought from; then what is popular anywhere. What was bought already is left out.
FOR_SHOPPER = """
WITH mine AS (
    SELECT variant.product_id, product.category_id,
           sum(power(0.5, extract(epoch FROM %(now)s - bought.placed_at) / 86400 / 180)) AS weight
    FROM orders_order bought JOIN orders_orderline line ON line.order_id = bought.id
    JOIN catalog_variant variant ON variant.id = line.variant_id
    JOIN catalog_product product ON product.id = variant.product_id
    WHERE bought.user_id = %(user)s AND bought.status <> 'cancelled' AND bought.placed_at < %(now)s
    GROUP BY 1, 2 ORDER BY max(bought.placed_at) DESC LIMIT %(history)s
),
candidate AS (
    (SELECT other_id AS product_id, 1 AS tier, sum({score} * mine.weight) AS score
     FROM recommendations_neighbour JOIN mine USING (product_id) WHERE kind = 'shopper'
     GROUP BY 1 ORDER BY 3 DESC LIMIT %(most)s)
    UNION ALL
    (SELECT popular.product_id, 2, popular.score FROM recommendations_popular popular
     JOIN catalog_product product ON product.id = popular.product_id
     WHERE product.category_id IN (SELECT category_id FROM mine) ORDER BY 3 DESC LIMIT %(most)s)
    UNION ALL
    (SELECT product_id, 3, score FROM recommendations_popular ORDER BY 3 DESC LIMIT %(most)s)
)
SELECT product_id FROM candidate WHERE product_id NOT IN (SELECT product_id FROM mine)
GROUP BY product_id ORDER BY min(tier), max(score) FILTER (WHERE tier = 1) DESC NULLS LAST,
    max(score) FILTER (WHERE tier > 1) DESC, product_id DESC
"""


def bought_together(product_ids: Sequence[int], count: int) -> list[int]:
    """What is bought with these products and is none of them, the closest first; one query."""
    rows = Neighbour.objects.filter(kind=Neighbour.Kind.TOGETHER, product__in=product_ids)
    rows = rows.exclude(other__in=product_ids).filter(other__in=Product.objects.buyable().order_by())
    scored = rows.order_by().values("other").annotate(total=Sum("score")).order_by("-total", "other")
    return list(scored.values_list("other", flat=True)[:count])


def popular(count: int, *, category: Category | None = None) -> list[int]:
    """What is bought most of late, in the category and below it; one query."""
    products: QuerySet[Product] = Product.objects.buyable().order_by()
    if category:
        products = Product.objects.buyable().in_category(category).order_by()
    rows = Popular.objects.filter(product__in=products).order_by("-score", "product")
    return list(rows.values_list("product", flat=True)[:count])


def for_shopper(user: User, count: int, *, now: datetime, by: str = "score") -> list[int]:
    """What this person may like, from every order up to `now`; two queries. `by`: the column that neighbours rank by.

    Nothing is stored for a person: an order counts from the moment it is placed, and an erased account leaves nothing.
    """
    values: dict[str, Any] = {"now": now, "user": user.pk, "history": HISTORY, "most": count * 4 + HISTORY}
    with connection.cursor() as cursor:
        cursor.execute(FOR_SHOPPER.format(score={"score": "score", "count": "count"}[by]), values)
        ids = [pk for (pk,) in cursor.fetchall()]
    buyable = set(Product.objects.buyable().filter(pk__in=ids).values_list("pk", flat=True))
    return [pk for pk in ids if pk in buyable][:count]


def products_in_rows(rows: Mapping[str, Iterable[int]]) -> dict[str, list[Product]]:
    """Rows of ids as rows of products read `with_details()`, all at once."""
    wanted = {pk for ids in rows.values() for pk in ids}
    found = Product.objects.published().with_details().in_bulk(list(wanted)) if wanted else {}
    return {name: [found[pk] for pk in ids if pk in found] for name, ids in rows.items()}


def cards_in_rows(rows: Mapping[str, Iterable[int]], *, now: datetime) -> dict[str, list[Card]]:
    """The same as cards that can be bought. A product that stands in several rows is one card."""
    products = products_in_rows(rows)
    every = {product.pk: product for row in products.values() for product in row}
    made = {card.product.pk: card for card in cards(list(every.values()), now=now)} if every else {}
    return {name: [card for product in row if (card := made[product.pk]).available] for name, row in products.items()}


def beside(product: Product, *, count: int = ROW) -> dict[str, list[int]]:
    """The two rows of a product's page: `together`, and `similar` without what stands in the first; two queries."""
    together = bought_together([product.pk], count)
    near = similar_to(product, count + len(together))
    return {"together": together, "similar": [pk for pk in near if pk not in together][:count]}


def has_bought(user: User) -> bool:
    return user.orders.exclude(status="cancelled").exists()
