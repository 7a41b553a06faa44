from shop.invariants import Invariant

INVARIANTS = (
    Invariant(
        "N1",
        "a score is a shrunken cosine: above 0 and at most 1",
        """
        SELECT kind, product_id, other_id, score, count FROM recommendations_neighbour
        WHERE score <= 0 OR score > 1 OR count <= 0
        """,
        "SELECT count(*) FROM recommendations_neighbour",
    ),
)
