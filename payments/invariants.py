from shop.invariants import Invariant

PAYMENTS = "SELECT count(*) FROM payments_payment"

INVARIANTS = (
    Invariant(
        "M1",
        "a payment's status and amounts are what its events say",
        """
        SELECT * FROM (
            SELECT p.public_id, p.status, p.captured_minor, p.refunded_minor, p.disputed_minor,
                e.captured, e.refunded, e.disputed,
                CASE
                    WHEN e.captured > 0 THEN
                        CASE WHEN e.captured >= p.amount_minor THEN 'captured' ELSE 'partially_captured' END
                    WHEN e.failed THEN 'failed'
                    WHEN e.ended IS NOT NULL THEN e.ended
                    WHEN e.authorized THEN 'authorized'
                    WHEN e.accepted THEN 'processing'
                    ELSE 'pending'
                END AS expected
            FROM payments_payment p
            LEFT JOIN LATERAL (
                SELECT
                    coalesce(sum(amount_minor) FILTER (WHERE kind = 'capture' AND phase = 'success'), 0) AS captured,
                    coalesce(sum(amount_minor) FILTER (WHERE kind = 'refund' AND phase = 'success'), 0)
                        - coalesce(
                            sum(amount_minor) FILTER (WHERE kind = 'refund' AND payload @> '{"bounced": true}'), 0
                        ) AS refunded,
                    coalesce(sum(amount_minor) FILTER (WHERE kind = 'dispute' AND phase = 'request'), 0)
                        - coalesce(
                            sum(amount_minor) FILTER (WHERE kind = 'dispute' AND phase = 'failure'), 0
                        ) AS disputed,
                    coalesce(bool_or(
                        kind = 'capture' AND phase = 'failure' AND NOT payload ? 'request'
                    ), false) AS failed,
                    coalesce(bool_or(
                        kind = 'authorize' AND phase = 'success' AND payload @> '{"status": "authorized"}'
                    ), false) AS authorized,
                    coalesce(bool_or(kind = 'authorize' AND phase = 'success'), false) AS accepted,
                    min(payload ->> 'status') FILTER (WHERE kind = 'void' AND phase = 'success') AS ended
                FROM payments_paymentevent WHERE payment_id = p.id
            ) e ON true
        ) projected
        WHERE status <> expected OR captured_minor <> captured OR refunded_minor <> refunded
            OR disputed_minor <> disputed
        """,
        PAYMENTS,
    ),
    Invariant(
        "M3",
        "0 <= given back <= captured <= amount, with the refunds under way counted as given back",
        """
        SELECT p.public_id, p.amount_minor, p.captured_minor, p.refunded_minor, coalesce(r.pending, 0) AS pending
        FROM payments_payment p
        LEFT JOIN (
            SELECT payment_id, sum(amount_minor) AS pending FROM payments_refund WHERE status = 'requested' GROUP BY 1
        ) r ON r.payment_id = p.id
        WHERE p.refunded_minor < 0 OR p.refunded_minor + coalesce(r.pending, 0) > p.captured_minor
            OR p.captured_minor > p.amount_minor
        """,
        PAYMENTS,
    ),
    Invariant(
        "M4",
        "nobody pays more than an order's total: what came twice has gone back or is on its way",
        """
        SELECT o.number, o.total_minor, sum(p.captured_minor) AS captured, sum(r.returned) AS returned
        FROM orders_order o JOIN payments_payment p ON p.order_id = o.id
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(amount_minor), 0) AS returned FROM payments_refund
            WHERE payment_id = p.id AND status <> 'failed'
        ) r ON true
        GROUP BY o.id HAVING sum(p.captured_minor) - sum(r.returned) - sum(p.disputed_minor) > o.total_minor
        """,
        "SELECT count(*) FROM payments_payment WHERE captured_minor > 0",
    ),
    Invariant(
        "M6",
        "no payment's outcome is unknown 15 minutes after nobody can pay it any more",
        """
        SELECT public_id, provider, status, expires_at FROM payments_payment
        WHERE status IN ('pending', 'requires_action', 'processing') AND expires_at < now() - interval '15 minutes'
        """,
        PAYMENTS,
    ),
    Invariant(
        "M7",
        "five minutes after an order was cancelled its money has gone back or is on its way",
        """
        SELECT o.number, p.public_id, p.captured_minor, r.returned FROM payments_payment p
        JOIN orders_order o ON o.id = p.order_id
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(amount_minor), 0) AS returned FROM payments_refund
            WHERE payment_id = p.id AND status <> 'failed'
        ) r ON true
        WHERE o.status = 'cancelled' AND p.captured_minor - p.disputed_minor > r.returned
            AND greatest(o.updated_at, p.updated_at) < now() - interval '5 minutes'
        """,
        "SELECT count(*) FROM payments_payment p JOIN orders_order o ON o.id = p.order_id WHERE o.status = 'cancelled'",
    ),
    Invariant(
        "M8",
        "no unit of an order is refunded twice, and no line or delivery above its price",
        """
        SELECT l.public_id, l.quantity, sum(r.quantity) AS refunded, l.gross_minor, sum(r.gross_minor) AS returned
        FROM payments_refundline r
        JOIN payments_refund f ON f.id = r.refund_id AND f.status <> 'failed'
        JOIN orders_orderline l ON l.id = r.order_line_id
        GROUP BY l.id
        HAVING sum(r.quantity) > l.quantity OR sum(r.net_minor) > l.net_minor OR sum(r.tax_minor) > l.tax_minor
        UNION ALL
        SELECT o.public_id, 1, 1, o.shipping_net_minor + o.shipping_tax_minor,
            sum(f.shipping_net_minor + f.shipping_tax_minor)
        FROM payments_refund f JOIN payments_payment p ON p.id = f.payment_id JOIN orders_order o ON o.id = p.order_id
        WHERE f.status <> 'failed'
        GROUP BY o.id
        HAVING sum(f.shipping_net_minor) > o.shipping_net_minor OR sum(f.shipping_tax_minor) > o.shipping_tax_minor
        """,
        "SELECT count(*) FROM payments_refundline",
    ),
    Invariant(
        "M9",
        "a refund is the sum of its lines and its part of the delivery, or openly nothing of the order",
        """
        SELECT f.public_id, f.kind, f.amount_minor, l.gross, f.shipping_net_minor + f.shipping_tax_minor AS delivery
        FROM payments_refund f
        JOIN payments_payment p ON p.id = f.payment_id
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(r.gross_minor), 0) AS gross, coalesce(sum(r.quantity), 0) AS units,
                coalesce(bool_or(ol.order_id <> p.order_id), false) AS is_foreign
            FROM payments_refundline r JOIN orders_orderline ol ON ol.id = r.order_line_id WHERE r.refund_id = f.id
        ) l ON true
        WHERE l.is_foreign
            OR l.gross + f.shipping_net_minor + f.shipping_tax_minor
                <> CASE WHEN f.kind = 'undivided' THEN 0 ELSE f.amount_minor END
            OR (f.kind = 'amount' AND l.units > 0)
        """,
        "SELECT count(*) FROM payments_refund",
    ),
    Invariant(
        "E1",
        "a provider's message is kept once",
        """
        SELECT provider, event_id, count(*) AS rows FROM payments_webhookevent GROUP BY 1, 2 HAVING count(*) > 1
        """,
        "SELECT count(*) FROM payments_webhookevent",
    ),
)
