from shop.invariants import Invariant

INVARIANTS = (
    Invariant(
        "O7",
        "an order that is paid in advance moves on only when all its money has come or was promised",
        """
        SELECT o.number, o.status, o.payment_method, o.total_minor, coalesce(p.promised, 0) AS promised
        FROM orders_order o
        LEFT JOIN (
            SELECT order_id, sum(CASE WHEN EXISTS (
                SELECT FROM payments_paymentevent e WHERE e.payment_id = payment.id AND e.phase = 'success' AND (
                    e.kind = 'authorize' AND e.payload @> '{"status": "authorized"}'
                    OR e.kind = 'capture' AND e.payload ? 'accepted_by'
                )
            ) THEN amount_minor ELSE captured_minor END) AS promised
            FROM payments_payment payment GROUP BY 1
        ) p ON p.order_id = o.id
        WHERE o.payment_method IN ('stripe', 'invoice') AND o.status NOT IN ('pending', 'cancelled')
            AND coalesce(p.promised, 0) < o.total_minor
        """,
        "SELECT count(*) FROM orders_order WHERE payment_method IN ('stripe', 'invoice')",
    ),
)
