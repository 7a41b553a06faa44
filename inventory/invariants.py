from shop.invariants import Invariant

STOCK_ITEMS = "SELECT count(*) FROM inventory_stockitem"
RESERVATIONS = "SELECT count(*) FROM inventory_reservation"

INVARIANTS = (
    Invariant(
        "I1",
        "no counter is negative, nothing is promised beyond shelf, backorder and shortfall",
        """
        SELECT sku, warehouse_id, on_hand, reserved, backorder_limit, shortfall FROM inventory_stockitem
        WHERE on_hand < 0 OR reserved < 0 OR shortfall <> greatest(0, reserved - on_hand - backorder_limit)
        """,
        STOCK_ITEMS,
    ),
    Invariant(
        "I2",
        "the shelf is the sum of its movements",
        """
        SELECT sku, warehouse_id, i.on_hand, coalesce(m.moved, 0) AS moved FROM inventory_stockitem i
        FULL JOIN (SELECT sku, warehouse_id, sum(quantity) AS moved FROM inventory_stockmovement GROUP BY 1, 2) m
            USING (sku, warehouse_id)
        WHERE coalesce(i.on_hand, 0) <> coalesce(m.moved, 0)
        """,
        STOCK_ITEMS,
    ),
    Invariant(
        "I3",
        "what is promised is the sum of open reservations",
        """
        SELECT sku, warehouse_id, i.reserved, coalesce(r.promised, 0) AS promised FROM inventory_stockitem i
        FULL JOIN (
            SELECT sku, warehouse_id, sum(quantity) AS promised FROM inventory_reservation
            WHERE state = 'open' GROUP BY 1, 2
        ) r USING (sku, warehouse_id)
        WHERE coalesce(i.reserved, 0) <> coalesce(r.promised, 0)
        """,
        STOCK_ITEMS,
    ),
    Invariant(
        "I5",
        "no hold outlives its end by two minutes",
        """
        SELECT id, reference, sku, expires_at FROM inventory_reservation
        WHERE state = 'open' AND kind = 'hold' AND expires_at < now() - interval '120 seconds'
        """,
        RESERVATIONS,
    ),
    Invariant(
        "I7",
        "a reservation's kind fits its state and its end",
        """
        SELECT id, reference, kind, state, expires_at FROM inventory_reservation
        WHERE (state = 'expired' AND kind <> 'hold') OR (state = 'fulfilled' AND kind <> 'allocation')
            OR (kind = 'hold' AND expires_at IS NULL)
        """,
        RESERVATIONS,
    ),
    Invariant(
        "I8",
        "shipped units are the units of fulfilled reservations",
        """
        SELECT sku, coalesce(m.shipped, 0) AS shipped, coalesce(r.fulfilled, 0) AS fulfilled FROM
            (SELECT sku, -sum(quantity) AS shipped FROM inventory_stockmovement WHERE kind = 'shipment' GROUP BY 1) m
        FULL JOIN
            (SELECT sku, sum(quantity) AS fulfilled FROM inventory_reservation WHERE state = 'fulfilled' GROUP BY 1) r
            USING (sku)
        WHERE coalesce(m.shipped, 0) <> coalesce(r.fulfilled, 0)
        """,
        "SELECT count(*) FROM inventory_stockmovement WHERE kind = 'shipment'",
    ),
)
