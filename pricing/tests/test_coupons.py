"""Codes and their uses: found as typed, counted with an order, given back once, never over their limit."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from pricing.errors import CouponInvalid, CouponUsedUp
from pricing.invariants import INVARIANTS
from pricing.models import Coupon, Promotion, PromotionUse
from pricing.operations import (
    Applied,
    Customer,
    claim,
    count_anew,
    customer_key,
    find_coupon,
    give_back,
    make_coupons,
)
from pricing.queries import offers
from shop.invariants import verify

from .factories import coupon, stored_promotion

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def use(reference: str, *, of: Coupon | Promotion, customer: str = "ada") -> None:
    promotion = of.promotion if isinstance(of, Coupon) else of
    applied = Applied(promotion, of if isinstance(of, Coupon) else None, 100, (100,))
    claim([applied], reference=reference, customer=customer, now=NOW)


def used(row: Coupon | Promotion) -> int:
    row.refresh_from_db()
    return row.used


def broken() -> list[dict[str, Any]]:
    return [row for finding in verify() if finding.invariant in INVARIANTS for row in finding.rows]


# --- Codes


@pytest.mark.parametrize("typed", ["Summer-20", "summer20", "  SUMMER-20\n", "s u m m e r 2 0", "SUMMER--20"])
def test_a_code_is_found_as_people_type_it(typed: str) -> None:
    made = coupon("Summer-20")
    assert find_coupon(typed) == made


@pytest.mark.parametrize("typed", ["", "SUMMER2", "SUMMER200", "%", "SUMMER_20", "\x00", "sommer", "S" * 5000])
def test_what_is_no_code_gets_one_text(typed: str) -> None:
    coupon("Summer-20")
    off = coupon("OFF", is_active=False)
    for code in (typed, off.code):
        with pytest.raises(CouponInvalid) as refused:
            find_coupon(code)
        assert refused.value.text == "This code is not valid."


def test_two_codes_that_are_typed_alike_can_not_be() -> None:
    coupon("SUMMER-20")
    with pytest.raises(IntegrityError), transaction.atomic():
        coupon("summer20")


@pytest.mark.parametrize("code", ["", "ab", "with space", "-LEADING", "ÜBER", "=SUM(A1)", "a" * 65, "new\nline"])
def test_a_code_can_be_typed(code: str) -> None:
    with pytest.raises(Exception), transaction.atomic():  # noqa: B017 - too long is another error than the rest
        coupon(code)


def test_codes_are_made_that_nobody_guesses() -> None:
    made = make_coupons(stored_promotion(needs_coupon=True), 500)
    codes = {each.code for each in made}
    assert len(codes) == 500
    # 16 characters of 32: 80 bits.
    assert all(re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", code) for code in codes)
    assert find_coupon(made[0].code.lower().replace("-", " ")).usage_limit == 1


# --- What is offered


def test_what_runs_by_itself_and_what_a_code_opens() -> None:
    runs = stored_promotion(name="Runs")
    stored_promotion(name="Over", ends_at=NOW)
    stored_promotion(name="Off", is_active=False)
    stored_promotion(name="Needs a code", needs_coupon=True)
    opened = coupon("OPEN")
    found = offers(["open", "nothing"], now=NOW)
    assert [(each.promotion, each.code) for each in found.candidates] == [(runs, ""), (opened.promotion, "OPEN")]
    assert found.unknown == ("nothing",)


def test_a_code_of_what_is_over_stays_to_be_told_of() -> None:
    over = coupon("OVER", of=stored_promotion(needs_coupon=True, ends_at=NOW))
    assert [each.coupon for each in offers(["OVER"], now=NOW).candidates] == [over]


@pytest.mark.parametrize("promotions", [1, 9])
def test_offers_take_three_queries(promotions: int, django_assert_num_queries: Any) -> None:
    for number in range(promotions):
        coupon(f"CODE{number}", of=stored_promotion(needs_coupon=True, usage_limit_per_customer=1))
        stored_promotion(usage_limit_per_customer=2)
    codes = [f"CODE{number}" for number in range(promotions)]
    with django_assert_num_queries(3):
        offers(codes, customer=Customer("ada"), now=NOW)
    with django_assert_num_queries(1):
        offers([], now=NOW)


def test_uses_by_this_customer_are_counted() -> None:
    mine = coupon("MINE", usage_limit_per_customer=2)
    use("order:1", of=mine)
    use("order:2", of=mine, customer="ben")
    use("order:3", of=mine)
    give_back("order:3")
    [candidate] = offers(["MINE"], customer=Customer("ada"), now=NOW).candidates
    assert (candidate.uses_by_customer, candidate.coupon_uses_by_customer) == (1, 1)


def test_one_customer_by_any_spelling_and_not_to_be_read_back() -> None:
    key = customer_key("Ada@Example.com")
    assert key == customer_key(" ada@example.com ") != customer_key("ben@example.com")
    assert len(key) == 64
    assert "ada" not in key


# --- Uses


def test_a_use_counts_once_and_comes_back_once() -> None:
    made = coupon("ONCE", usage_limit=1)
    use("order:1", of=made)
    assert used(made) == 1
    with pytest.raises(CouponUsedUp) as refused:
        use("order:2", of=made)
    assert (refused.value.text, refused.value.extra) == ("ONCE has been used up.", {"coupon": "ONCE"})
    assert [give_back("order:1"), give_back("order:1"), give_back("order:unknown")] == [1, 0, 0]
    assert used(made) == 0
    use("order:3", of=made)
    assert broken() == []


def test_a_promotion_is_counted_while_a_limit_stands() -> None:
    """Without one no order waits for another at its row."""
    free, limited = stored_promotion(), stored_promotion(usage_limit=5)
    for promotion in (free, limited):
        use(f"order:{promotion.pk}", of=promotion)
    assert (used(free), used(limited)) == (0, 1)
    give_back(f"order:{free.pk}")
    assert used(free) == 0
    assert broken() == []


def test_a_limit_that_is_set_later_counts_what_was() -> None:
    promotion = stored_promotion()
    for number in range(3):
        use(f"order:{number}", of=promotion)
    give_back("order:0")
    assert count_anew(promotion) == 2
    Promotion.objects.update(usage_limit=2, used=2)
    with pytest.raises(CouponUsedUp):
        use("order:3", of=promotion)
    give_back("order:1")
    assert used(promotion) == 1
    assert broken() == []


@pytest.mark.parametrize("values", [{"usage_limit_per_customer": 1}, {"new_customers_only": True}])
def test_a_customers_limit(values: dict[str, Any]) -> None:
    promotion = stored_promotion(**values)
    use("order:1", of=promotion)
    use("order:2", of=promotion, customer="ben")
    with pytest.raises(CouponUsedUp), transaction.atomic():
        use("order:3", of=promotion)
    give_back("order:1")
    use("order:4", of=promotion)
    assert broken() == []


def test_of_two_that_are_used_together_both_count_or_none() -> None:
    good, spent = coupon("GOOD"), coupon("SPENT", usage_limit=0)
    applied = [Applied(each.promotion, each, 1, (1,)) for each in (good, spent)]
    with pytest.raises(CouponUsedUp):
        claim(applied, reference="order:1", customer="ada", now=NOW)
    assert used(good) == PromotionUse.objects.count() == 0


# --- Planted rows


def one_use(row: Coupon | Promotion, number: int) -> None:
    promotion = row.promotion if isinstance(row, Coupon) else row
    PromotionUse.objects.create(
        promotion=promotion,
        coupon=row if isinstance(row, Coupon) else None,
        reference=f"order:{number}",
        customer="ada",
        created_at=timezone.now(),
    )


def coupon_counted_wrong() -> None:
    Coupon.objects.filter(pk=coupon("WRONG").pk).update(used=1)


def promotion_counted_wrong() -> None:
    one_use(stored_promotion(usage_limit=5), 1)


def coupon_over_its_limit() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE pricing_coupon DROP CONSTRAINT coupon_within_its_limit")
    made = coupon("OVER", usage_limit=1)
    for number in range(2):
        one_use(made, number)
    Coupon.objects.filter(pk=made.pk).update(used=2)


def customer_over_the_coupons_limit() -> None:
    made = coupon("MINE", usage_limit_per_customer=1)
    for number in range(2):
        one_use(made, number)
    Coupon.objects.filter(pk=made.pk).update(used=2)


def customer_over_the_promotions_limit() -> None:
    made = stored_promotion(new_customers_only=True)
    for number in range(2):
        one_use(made, number)
    Promotion.objects.filter(pk=made.pk).update(used=2)


@pytest.mark.parametrize(
    "plant",
    [
        coupon_counted_wrong,
        promotion_counted_wrong,
        coupon_over_its_limit,
        customer_over_the_coupons_limit,
        customer_over_the_promotions_limit,
    ],
)
def test_a_planted_row_is_seen(plant: Callable[[], None]) -> None:
    use("order:sound", of=coupon("SOUND", usage_limit=3, usage_limit_per_customer=1))
    assert broken() == []
    plant()
    assert len(broken()) == 1
