from shop.invariants import Invariant

LIVE = "SELECT promotion_id, coupon_id, customer FROM pricing_promotionuse WHERE state = 'claimed'"
IS_COUNTED = "(usage_limit IS NOT NULL OR usage_limit_per_customer IS NOT NULL OR new_customers_only)"
PER_CUSTOMER = "CASE WHEN new_customers_only THEN 1 ELSE usage_limit_per_customer END"

INVARIANTS = (
    Invariant(
        "G3",
        "a coupon, and a promotion with a limit, was used as often as it counts, and by nobody too often",
        f"""
        SELECT code AS title, used, count(live.coupon_id) AS uses, usage_limit FROM pricing_coupon c
        LEFT JOIN ({LIVE}) live ON live.coupon_id = c.id
        GROUP BY c.id HAVING used <> count(live.coupon_id) OR used > usage_limit
        UNION ALL
        SELECT name, used, count(live.promotion_id), usage_limit FROM pricing_promotion p
        LEFT JOIN ({LIVE}) live ON live.promotion_id = p.id
        WHERE {IS_COUNTED} GROUP BY p.id HAVING used <> count(live.promotion_id) OR used > usage_limit
        UNION ALL
        SELECT min(code), min(used), count(*), min(usage_limit_per_customer) FROM pricing_coupon c
        JOIN ({LIVE}) live ON live.coupon_id = c.id
        GROUP BY c.id, live.customer HAVING count(*) > min(usage_limit_per_customer)
        UNION ALL
        SELECT min(name), min(used), count(*), min({PER_CUSTOMER}) FROM pricing_promotion p
        JOIN ({LIVE}) live ON live.promotion_id = p.id
        GROUP BY p.id, live.customer HAVING count(*) > min({PER_CUSTOMER})
        """,
        "SELECT (SELECT count(*) FROM pricing_coupon) + (SELECT count(*) FROM pricing_promotionuse)",
    ),
)
