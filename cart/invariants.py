from shop.invariants import Invariant

LINES = """
    SELECT c.id, c.public_id, c.state, line ->> 'sku' AS sku, (line ->> 'quantity')::int AS quantity
    FROM cart_cartsnapshot c, jsonb_array_elements(c.lines) AS line
"""

INVARIANTS = (
    Invariant(
        "C1",
        "nobody has two open carts, no article stands in one twice, every quantity is at least 1",
        f"""
        SELECT public_id, sku, count(*) AS times, min(quantity) AS least FROM ({LINES}) AS lines
        GROUP BY id, public_id, sku HAVING count(*) > 1 OR min(quantity) < 1
        UNION ALL
        SELECT min(public_id), user_id::text, count(*), 0 FROM cart_cartsnapshot
        WHERE state = 'open' AND user_id IS NOT NULL GROUP BY user_id HAVING count(*) > 1
        """,
        "SELECT count(*) FROM cart_cartsnapshot",
    ),
    Invariant(
        "C4",
        "what is held belongs to an open cart that has the article in that quantity, of all warehouses together",
        f"""
        SELECT r.reference, r.sku, r.held, lines.quantity AS in_cart FROM (
            SELECT reference, sku, sum(quantity) AS held FROM inventory_reservation
            WHERE state = 'open' AND kind = 'hold' AND reference LIKE 'cart:%' GROUP BY 1, 2
        ) r
        LEFT JOIN ({LINES}) AS lines
            ON 'cart:' || lines.public_id = r.reference AND lines.sku = r.sku AND lines.state = 'open'
        WHERE lines.quantity IS DISTINCT FROM r.held
        """,
        "SELECT count(*) FROM inventory_reservation WHERE kind = 'hold'",
    ),
    Invariant(
        "C9",
        "an erased account has no cart",
        """
        SELECT cart.public_id FROM cart_cartsnapshot cart
        JOIN accounts_user ON accounts_user.id = cart.user_id WHERE accounts_user.erased_at IS NOT NULL
        """,
        "SELECT count(*) FROM cart_cartsnapshot WHERE user_id IS NOT NULL",
    ),
)
