from shop.invariants import Invariant

INVARIANTS = (
    Invariant(
        "O7",
        "an order that is paid in advance moves on only when all its money has come",
        """
        SELECT o.number, o.status, o.payment_method, o.total_minor, coalesce(p.captured, 0) AS captured
        FROM orders_order o
        LEFT JOIN (
            SELECT order_id, sum(captured_minor) AS captured FROM payments_payment GROUP BY 1
        ) p ON p.order_id = o.id
        WHERE o.payment_method IN ('stripe', 'invoice') AND o.status NOT IN ('pending', 'cancelled')
            AND coalesce(p.captured, 0) < o.total_minor
        """,
        "SELECT count(*) FROM orders_order WHERE payment_method IN ('stripe', 'invoice')",
    ),
)
