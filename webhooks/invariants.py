from shop.invariants import Invariant

INVARIANTS = (
    Invariant(
        "E2",
        "an order that was paid has told of it: mails, invoices and webhooks follow from that event",
        """
        SELECT o.number, o.payment_status FROM orders_order o
        JOIN shop_outboxevent p ON p.dedupe_key = 'order.placed:' || o.public_id
        LEFT JOIN shop_outboxevent e ON e.dedupe_key = 'order.paid:' || o.public_id
        WHERE o.payment_status IN ('paid', 'partially_refunded', 'refunded') AND e.id IS NULL
            -- Authorised money of which staff took a part did not pay the order, whatever of it went back.
            AND (o.payment_status = 'paid' OR o.total_minor <= (
                SELECT coalesce(sum(captured_minor), 0) FROM payments_payment WHERE order_id = o.id
            ))
            -- Money that came after the order's end was given back, and paid nothing.
            AND o.status <> 'cancelled'
            -- Done events are kept for 30 days.
            AND p.created_at > now() - interval '29 days'
        """,
        "SELECT count(*) FROM shop_outboxevent WHERE topic = 'order.paid'",
    ),
    Invariant(
        "W1",
        "a webhook that is due is tried within ten minutes: its endpoint is not left alone with it",
        """
        SELECT d.public_id, d.topic, d.due_at FROM webhooks_delivery d JOIN webhooks_endpoint e ON e.id = d.endpoint_id
        WHERE d.state = 'pending' AND d.due_at < now() - interval '10 minutes'
            AND (e.is_enabled OR d.topic = 'webhook.test') AND e.busy_until < now() - interval '10 minutes'
        """,
        "SELECT count(*) FROM webhooks_delivery WHERE state = 'pending'",
    ),
    Invariant(
        "W2",
        "a message that was sent was answered with 2xx; one that was given up was tried and says why it failed",
        """
        SELECT public_id, topic, state, status, error FROM webhooks_delivery
        WHERE (state = 'sent' AND (sent_at IS NULL OR status IS NULL OR status NOT BETWEEN 200 AND 299))
            OR (state = 'failed' AND error = '')
        """,
        "SELECT count(*) FROM webhooks_delivery WHERE state <> 'pending'",
    ),
    Invariant(
        "W3",
        "an endpoint that is switched off has nothing waiting but tests",
        """
        SELECT e.public_id, d.public_id AS delivery, d.topic FROM webhooks_endpoint e
        JOIN webhooks_delivery d ON d.endpoint_id = e.id
        WHERE NOT e.is_enabled AND d.state = 'pending' AND d.topic <> 'webhook.test'
        """,
        "SELECT count(*) FROM webhooks_endpoint",
    ),
)
