from shop.invariants import Invariant

INVARIANTS = (
    Invariant(
        "P1",
        "a product's price is its lowest on sale",
        """
        SELECT p.public_id, p.price_minor, min(v.price_minor) AS lowest FROM catalog_product p
        JOIN catalog_variant v ON v.product_id = p.id AND v.is_active
        GROUP BY p.id HAVING p.price_minor <> min(v.price_minor)
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
)
