from shop.invariants import Invariant

INVARIANTS = (
    Invariant(
        "P1",
        "a product's price is the lowest asked for what is sold of it",
        """
        SELECT p.public_id, p.price_minor, min(coalesce(v.sale_price_minor, v.price_minor)) AS lowest
        FROM catalog_product p JOIN catalog_variant v ON v.product_id = p.id AND v.is_active
        GROUP BY p.id HAVING p.price_minor <> min(coalesce(v.sale_price_minor, v.price_minor))
        """,
        "SELECT count(*) FROM catalog_product",
    ),
    Invariant(
        "P2",
        "every variant on sale has a stock item",
        """
        SELECT v.public_id, v.sku FROM catalog_variant v
        WHERE v.is_active AND NOT EXISTS (SELECT FROM inventory_stockitem i WHERE i.sku = v.sku)
        """,
        "SELECT count(*) FROM catalog_variant WHERE is_active",
    ),
    # The job ends sales within the minute; until then `price_at` reads the clock.
    Invariant(
        "P3",
        "a sale price is below the list price, and its sale runs",
        """
        SELECT v.public_id, v.sale_price_minor, v.price_minor, s.public_id AS sale
        FROM catalog_variant v LEFT JOIN pricing_promotion s ON s.id = v.sale_id
        WHERE v.sale_price_minor IS NOT NULL AND (
            v.sale_price_minor >= v.price_minor OR s.id IS NULL OR s.phase <> 'catalogue' OR NOT s.is_active
            OR v.sale_until IS DISTINCT FROM s.ends_at OR s.ends_at < now() - interval '5 minutes'
        )
        """,
        "SELECT count(*) FROM catalog_variant WHERE sale_price_minor IS NOT NULL",
    ),
    Invariant(
        "P4",
        "every price that is asked is the last of its history",
        """
        SELECT v.public_id, coalesce(v.sale_price_minor, v.price_minor) AS asked, last.price_minor AS recorded
        FROM catalog_variant v LEFT JOIN LATERAL (
            SELECT price_minor FROM catalog_pricechange WHERE variant_id = v.id ORDER BY id DESC LIMIT 1
        ) AS last ON true
        WHERE coalesce(v.sale_price_minor, v.price_minor) IS DISTINCT FROM last.price_minor
        """,
        "SELECT count(*) FROM catalog_variant",
    ),
)
