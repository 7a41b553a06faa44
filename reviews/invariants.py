from shop.invariants import Invariant

INVARIANTS = (
    Invariant(
        "V1",
        "a product's rating is the average and the number of its published reviews",
        """
        SELECT p.public_id, p.rating_average, p.rating_count, count(r.id) AS reviews FROM catalog_product p
        LEFT JOIN reviews_review r ON r.product_id = p.id AND r.state = 'published'
        GROUP BY p.id
        HAVING p.rating_count <> count(r.id) OR abs(p.rating_average - coalesce(avg(r.rating), 0)) > 0.005
        """,
        "SELECT count(*) FROM catalog_product",
    ),
    Invariant(
        "V2",
        "whoever reviewed a product had bought it",
        """
        SELECT r.public_id, o.number FROM reviews_review r
        JOIN orders_orderline l ON l.id = r.order_line_id JOIN orders_order o ON o.id = l.order_id
        JOIN catalog_variant v ON v.id = l.variant_id
        WHERE o.user_id IS DISTINCT FROM r.user_id OR v.product_id <> r.product_id
        """,
        "SELECT count(*) FROM reviews_review",
    ),
)
