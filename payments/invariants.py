from shop.invariants import Invariant

PAYMENTS = "SELECT count(*) FROM payments_payment"

INVARIANTS = (
    Invariant(
        "M1",
        "a payment's status and amounts are what its events say",
        """
        SELECT * FROM (
            SELECT p.public_id, p.status, p.captured_minor, p.refunded_minor, e.captured, e.refunded,
                CASE
                    WHEN e.captured > 0 THEN
                        CASE WHEN e.captured >= p.amount_minor THEN 'captured' ELSE 'partially_captured' END
                    WHEN e.failed THEN 'failed'
                    WHEN e.ended IS NOT NULL THEN e.ended
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
                    coalesce(bool_or(kind = 'capture' AND phase = 'failure'), false) AS failed,
                    coalesce(bool_or(kind = 'authorize' AND phase = 'success'), false) AS accepted,
                    min(payload ->> 'status') FILTER (WHERE kind = 'void') AS ended
                FROM payments_paymentevent WHERE payment_id = p.id
            ) e ON true
        ) projected
        WHERE status <> expected OR captured_minor <> captured OR refunded_minor <> refunded
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
        GROUP BY o.id HAVING sum(p.captured_minor) - sum(r.returned) > o.total_minor
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
        WHERE o.status = 'cancelled' AND p.captured_minor > r.returned
            AND greatest(o.updated_at, p.updated_at) < now() - interval '5 minutes'
        """,
        "SELECT count(*) FROM payments_payment p JOIN orders_order o ON o.id = p.order_id WHERE o.status = 'cancelled'",
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
