from shop.invariants import Invariant

from .operations import ALLOWED

# What has become of each line's units: once, for all that asks about parcels and returns.
LINES = """
    SELECT l.order_id, l.id, l.sku, l.quantity - l.cancelled_quantity AS wanted,
        p.parceled, p.left_us, p.delivered, b.claimed, b.returned
    FROM orders_orderline l
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(sl.quantity) FILTER (WHERE s.replaces_id IS NULL), 0) AS parceled,
            coalesce(sum(sl.quantity) FILTER (
                WHERE s.replaces_id IS NULL AND s.status IN ('shipped', 'delivered', 'lost')), 0) AS left_us,
            coalesce(sum(sl.quantity) FILTER (WHERE s.status = 'delivered'), 0) AS delivered
        FROM orders_shipmentline sl JOIN orders_shipment s ON s.id = sl.shipment_id WHERE sl.order_line_id = l.id
    ) p
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(rl.quantity) FILTER (WHERE r.status <> 'rejected'), 0) AS claimed,
            coalesce(sum(rl.quantity) FILTER (WHERE r.status IN ('received', 'refunded')), 0) AS returned
        FROM orders_returnline rl JOIN orders_return r ON r.id = rl.of_id WHERE rl.order_line_id = l.id
    ) b
"""
SUMS = f"""
    SELECT order_id, sum(wanted) AS wanted, sum(left_us) AS left_us, sum(returned) AS returned
    FROM ({LINES}) line GROUP BY 1
"""
SHIPMENTS = "SELECT count(*) FROM orders_shipment"
ORDERS = "SELECT count(*) FROM orders_order"
ALLOWED_PAIRS = ", ".join(
    f"('{source}', '{target}')" for source, targets in ALLOWED.items() for target in sorted(targets)
)

INVARIANTS = (
    Invariant(
        "O1",
        "an order's total is the sum of its lines and its freight; net + tax = gross on every line",
        """
        SELECT o.number, o.total_minor, o.tax_minor, sum(l.gross_minor) AS lines_gross FROM orders_order o
        LEFT JOIN orders_orderline l ON l.order_id = o.id
        GROUP BY o.id
        HAVING o.total_minor <> coalesce(sum(l.gross_minor), 0) + o.shipping_net_minor + o.shipping_tax_minor
            OR o.tax_minor <> coalesce(sum(l.tax_minor), 0) + o.shipping_tax_minor
            OR bool_or(l.gross_minor <> l.net_minor + l.tax_minor)
            OR o.total_minor < 0
            OR o.subtotal_minor <> coalesce(sum(l.unit_price_minor * l.quantity), 0)
        """,
        ORDERS,
    ),
    Invariant(
        "O10",
        "what is off an order's goods is the sum of its promotions, and of what is off its lines",
        """
        SELECT o.number, o.discount_minor, d.goods AS promotions, l.off AS lines FROM orders_order o
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(amount_minor) FILTER (WHERE phase <> 'shipping'), 0) AS goods
            FROM orders_orderdiscount WHERE order_id = o.id
        ) d
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(discount_minor), 0) AS off,
                coalesce(bool_or(
                    discount_minor < 0 OR unit_price_minor * quantity - discount_minor
                        <> CASE WHEN o.prices_include_tax THEN gross_minor ELSE net_minor END
                ), false) AS is_wrong
            FROM orders_orderline WHERE order_id = o.id
        ) l
        WHERE o.discount_minor <> d.goods OR o.discount_minor <> l.off OR l.is_wrong
        """,
        ORDERS,
    ),
    Invariant(
        "O11",
        "a living order has counted each of its promotions once; one that is over, or none, counts nothing",
        """
        SELECT o.number, o.status, u.uses, d.discounts FROM orders_order o
        CROSS JOIN LATERAL (
            SELECT count(*) AS uses FROM pricing_promotionuse
            WHERE state = 'claimed' AND reference = 'order:' || o.public_id
        ) u
        CROSS JOIN LATERAL (SELECT count(*) AS discounts FROM orders_orderdiscount WHERE order_id = o.id) d
        WHERE u.uses <> CASE WHEN o.status = 'cancelled' THEN 0 ELSE d.discounts END
        UNION ALL
        SELECT u.reference, 'missing', 1, 0 FROM pricing_promotionuse u
        LEFT JOIN orders_order o ON 'order:' || o.public_id = u.reference
        WHERE u.state = 'claimed' AND o.id IS NULL
        """,
        "SELECT count(*) FROM orders_orderdiscount",
    ),
    Invariant(
        "O3",
        "a cart becomes at most one order that is not cancelled",
        """
        SELECT cart_reference, count(*) AS orders FROM orders_order
        WHERE status <> 'cancelled' AND cart_reference <> '' GROUP BY 1 HAVING count(*) > 1
        """,
        ORDERS,
    ),
    Invariant(
        "O6",
        "an order's status is where its last event left it, and every step was an allowed one",
        f"""
        SELECT o.number, o.status, last.to_status AS last_event FROM orders_order o
        LEFT JOIN LATERAL (
            SELECT to_status FROM orders_orderevent
            WHERE order_id = o.id AND to_status <> '' ORDER BY id DESC LIMIT 1
        ) last ON true
        WHERE o.status IS DISTINCT FROM last.to_status
        UNION ALL
        SELECT o.number, e.from_status, e.to_status FROM orders_orderevent e JOIN orders_order o ON o.id = e.order_id
        WHERE e.from_status <> '' AND (e.from_status, e.to_status) NOT IN ({ALLOWED_PAIRS})
        """,
        "SELECT count(*) FROM orders_orderevent",
    ),
    Invariant(
        "I4",
        "a living order has every unit that is still wanted promised or shipped",
        """
        SELECT o.number, l.sku, l.wanted, coalesce(r.promised, 0) AS promised FROM orders_order o
        JOIN (
            -- Units taken off the order are not wanted; those of a lost parcel that was replaced are wanted twice.
            SELECT line.order_id, line.sku, sum(line.quantity - line.cancelled_quantity + again.units) AS wanted
            FROM orders_orderline line CROSS JOIN LATERAL (
                SELECT coalesce(sum(sl.quantity), 0) AS units FROM orders_shipmentline sl
                JOIN orders_shipment s ON s.id = sl.shipment_id
                WHERE sl.order_line_id = line.id AND s.replaces_id IS NOT NULL
            ) again
            GROUP BY 1, 2
        ) l ON l.order_id = o.id
        LEFT JOIN (
            SELECT reference, sku, sum(quantity) AS promised FROM inventory_reservation
            WHERE state IN ('open', 'fulfilled') AND kind = 'allocation' GROUP BY 1, 2
        ) r ON r.reference = 'order:' || o.public_id AND r.sku = l.sku
        WHERE o.status <> 'cancelled' AND coalesce(r.promised, 0) <> l.wanted
        """,
        "SELECT count(*) FROM orders_orderline",
    ),
    Invariant(
        "I6",
        "nothing is promised to an order that is over, or to none",
        """
        SELECT r.reference, r.sku, r.quantity, o.status FROM inventory_reservation r
        LEFT JOIN orders_order o ON 'order:' || o.public_id = r.reference
        WHERE r.state = 'open' AND r.kind = 'allocation'
            AND (o.id IS NULL OR o.status IN ('shipped', 'delivered', 'cancelled'))
        """,
        "SELECT count(*) FROM inventory_reservation WHERE kind = 'allocation'",
    ),
    Invariant(
        "O12",
        "no unit is in two parcels, and none is sent that was not ordered",
        f"""
        SELECT o.number, l.sku, l.wanted, l.parceled FROM ({LINES}) l JOIN orders_order o ON o.id = l.order_id
        WHERE l.parceled > l.wanted
        UNION ALL
        SELECT s.public_id, l.sku, 0, sl.quantity FROM orders_shipmentline sl
        JOIN orders_shipment s ON s.id = sl.shipment_id JOIN orders_orderline l ON l.id = sl.order_line_id
        WHERE l.order_id <> s.order_id
        """,
        SHIPMENTS,
    ),
    Invariant(
        "O13",
        "no more comes back than has arrived",
        f"""
        SELECT o.number, l.sku, l.delivered, l.claimed FROM ({LINES}) l JOIN orders_order o ON o.id = l.order_id
        WHERE l.claimed > l.delivered
        """,
        "SELECT count(*) FROM orders_returnline",
    ),
    Invariant(
        "O14",
        "an order's fulfilment is what its lines say",
        f"""
        SELECT o.number, o.fulfillment_status, u.wanted, u.left_us, u.returned
        FROM orders_order o JOIN ({SUMS}) u ON u.order_id = o.id
        WHERE o.fulfillment_status <> CASE
            WHEN u.left_us = 0 THEN 'unfulfilled'
            WHEN u.left_us < u.wanted THEN 'partially_fulfilled'
            WHEN u.returned = 0 THEN 'fulfilled'
            WHEN u.returned < u.wanted THEN 'partially_returned'
            ELSE 'returned' END
        """,
        ORDERS,
    ),
    Invariant(
        "O15",
        "an order is shipped when all of it has left, and not before; of one that is over or unpaid nothing has",
        f"""
        SELECT o.number, o.status, u.wanted, u.left_us FROM orders_order o JOIN ({SUMS}) u ON u.order_id = o.id
        WHERE CASE
            WHEN o.status IN ('shipped', 'delivered') THEN u.left_us < u.wanted OR u.left_us = 0
            WHEN o.status = 'processing' THEN u.left_us >= u.wanted
            ELSE u.left_us > 0 END
        """,
        ORDERS,
    ),
    Invariant(
        "O16",
        "an order is delivered when its last parcel has arrived, and not before",
        """
        SELECT o.number, o.status, p.waiting, p.on_the_way, p.missing FROM orders_order o
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE s.status IN ('pending', 'packed')) AS waiting,
                count(*) FILTER (WHERE s.status = 'shipped') AS on_the_way,
                count(*) FILTER (WHERE s.status = 'lost' AND again.id IS NULL) AS missing
            FROM orders_shipment s LEFT JOIN orders_shipment again ON again.replaces_id = s.id
            WHERE s.order_id = o.id
        ) p
        WHERE (o.status = 'delivered' AND p.waiting + p.on_the_way > 0)
            OR (o.status = 'shipped' AND (p.waiting > 0 OR p.on_the_way + p.missing = 0))
            OR (o.status IN ('pending', 'cancelled') AND p.waiting > 0)
        """,
        ORDERS,
    ),
    Invariant(
        "O17",
        "what is in an order's parcels is what its fulfilled reservations say",
        """
        SELECT coalesce(p.reference, r.reference) AS reference, coalesce(p.sku, r.sku) AS sku, p.units, r.fulfilled
        FROM (
            SELECT 'order:' || o.public_id AS reference, l.sku, sum(sl.quantity) AS units FROM orders_shipmentline sl
            JOIN orders_shipment s ON s.id = sl.shipment_id JOIN orders_order o ON o.id = s.order_id
            JOIN orders_orderline l ON l.id = sl.order_line_id
            WHERE s.status IN ('shipped', 'delivered', 'lost') GROUP BY 1, 2
        ) p
        FULL JOIN (
            SELECT reference, sku, sum(quantity) AS fulfilled FROM inventory_reservation
            WHERE state = 'fulfilled' GROUP BY 1, 2
        ) r USING (reference, sku)
        WHERE p.units IS DISTINCT FROM r.fulfilled
        """,
        SHIPMENTS,
    ),
    Invariant(
        "O9",
        "an order that has forgotten its buyer keeps no name, street, phone, e-mail or words",
        """
        SELECT number FROM orders_order WHERE redacted_at IS NOT NULL AND (
            email NOT LIKE '%@invalid' OR phone <> ''
            OR shipping_address ?| ARRAY['full_name', 'line1', 'line2', 'phone']
            OR billing_address ?| ARRAY['full_name', 'line1', 'line2', 'phone']
            OR EXISTS (SELECT 1 FROM orders_return r WHERE r.order_id = orders_order.id AND r.note <> '')
        )
        """,
        "SELECT count(*) FROM orders_order WHERE redacted_at IS NOT NULL",
    ),
    Invariant(
        "O8",
        "an unpaid order ends: none is overdue by ten minutes",
        """
        SELECT number, payment_method, payment_due_at FROM orders_order
        WHERE status = 'pending' AND payment_due_at < now() - interval '10 minutes'
        """,
        ORDERS,
    ),
)
