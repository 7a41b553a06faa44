"""`evaluate()`: what each kind of promotion takes off, in which turn, and the reason for each that does not."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from pricing.models import Action, Coupon, Phase, Promotion
from pricing.operations import Candidate, Customer, Evaluation, Freight, Item, Offers, PricedCart, Rejected, evaluate

from .factories import FREE_DELIVERY, PARCEL, item, offers, promotion, stored_promotion

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EVERY_PHASE = list(Phase.values)


def tried(
    items: list[Item], *promotions: Promotion | Candidate, freight: Freight | None = PARCEL, **values: Any
) -> Evaluation:
    country = values.pop("country", "DE")
    return evaluate(
        PricedCart(tuple(items), freight, country=country, currency="EUR"), offers(*promotions, now=NOW, **values)
    )


def refusal(items: list[Item], *promotions: Promotion | Candidate, **values: Any) -> tuple[str, str]:
    found = tried(items, *promotions, **values)
    assert len(found.rejected) == 1
    return found.rejected[0].reason, found.rejected[0].message


# --- What is taken off


@pytest.mark.parametrize(
    ("values", "discounts"),
    [
        ({"phase": "line", "percent": Decimal("33.333")}, (667, 333, 0)),
        ({"phase": "line", "action": "amount", "amount_minor": 150}, (300, 150, 0)),
        ({"phase": "line", "action": "amount", "amount_minor": 5000}, (2000, 999, 0)),
        ({"phase": "line", "action": "fixed_price", "amount_minor": 800}, (400, 199, 0)),
        ({"phase": "line", "action": "fixed_price", "amount_minor": 1000}, None),
        ({"phase": "order", "percent": 10}, (200, 100, 0)),
        ({"phase": "order", "action": "amount", "amount_minor": 100}, (67, 33, 0)),
        ({"phase": "order", "action": "amount", "amount_minor": 999999}, (2000, 999, 0)),
        ({"phase": "line", "action": "buy_x_get_y", "buy_quantity": 2, "get_quantity": 1}, (0, 999, 0)),
        ({"phase": "line", "action": "buy_x_get_y", "buy_quantity": 1, "get_quantity": 2}, (1000, 999, 0)),
        ({"phase": "line", "action": "buy_x_get_y", "buy_quantity": 2, "get_quantity": 1,
          "targets": ["sku:MUG"]}, None),
    ],
)  # fmt: skip
def test_what_each_kind_takes_off(values: dict[str, Any], discounts: tuple[int, ...] | None) -> None:
    bag = [item("MUG", 1000, 2), item("JAR", 999), item("FREE", 0)]
    values = {"targets": ["sku:MUG", "sku:JAR"], **values}
    found = tried(bag, promotion(**values))
    assert found.discounts == (discounts or (0, 0, 0))
    assert [each.amount_minor for each in found.applied] == ([sum(discounts)] if discounts else [])


@pytest.mark.parametrize(
    ("values", "off"),
    [
        ({"action": "free_shipping"}, 490),
        ({"percent": 50}, 245),
        ({"action": "amount", "amount_minor": 100}, 100),
        ({"action": "fixed_price", "amount_minor": 190}, 300),
        ({"action": "amount", "amount_minor": 1000}, 490),
    ],
)
def test_delivery(values: dict[str, Any], off: int) -> None:
    found = tried([item()], promotion(phase="shipping", **values))
    assert (found.freight_discount_minor, found.discount_minor, found.applied[0].amount_minor) == (off, 0, off)


def test_before_a_way_of_delivery_is_chosen_free_delivery_stands_without_amount() -> None:
    found = tried([item()], promotion(**FREE_DELIVERY), freight=None)
    assert [(each.phase, each.amount_minor) for each in found.applied] == [("shipping", 0)]


def test_each_works_on_what_those_before_it_have_left() -> None:
    order = promotion(phase="order", percent=50)
    line = promotion(phase="line", percent=50)
    found = tried([item("MUG", 1000)], order, line)
    assert [(each.phase, each.amount_minor) for each in found.applied] == [("line", 500), ("order", 250)]
    assert found.discounts == (750,)


def test_in_a_phase_priority_decides_and_then_age() -> None:
    first, second, third = promotion(priority=5), promotion(priority=1), promotion(priority=5)
    found = tried([item("MUG", 10000)], third, first, second)
    assert [each.promotion for each in found.applied] == [second, first, third]


@pytest.mark.parametrize(
    ("targets", "excluded", "covered"),
    [
        ([], [], "MUG JAR"),
        (["category:table"], [], "MUG JAR"),
        (["category:table/mugs", "brand:none"], [], "MUG"),
        (["category:table"], ["brand:loam"], "JAR"),
        (["product:prod_x"], [], ""),
    ],
)
def test_targets(targets: list[str], excluded: list[str], covered: str) -> None:
    mug = item("MUG", tags=frozenset({"sku:MUG", "category:table", "category:table/mugs", "brand:loam"}))
    jar = item("JAR", tags=frozenset({"sku:JAR", "category:table"}))
    found = tried([mug, jar], promotion(phase="line", targets=targets, excluded_targets=excluded))
    assert " ".join(sku for sku, off in zip(("MUG", "JAR"), found.discounts, strict=True) if off) == covered


def test_a_sale_item_may_be_left_out() -> None:
    found = tried([item("MUG", 800, list_price_minor=1000), item("JAR", 1000)], promotion(excludes_sale_items=True))
    assert found.discounts == (0, 100)


# --- What stands in the way


def code(name: str = "WELCOME10", **values: Any) -> Candidate:
    of = promotion(needs_coupon=True, **values)
    return Candidate(of, Coupon(promotion=of, code=name))


@pytest.mark.parametrize(
    ("candidate", "reason", "message"),
    [
        (code(is_active=False), "switched_off", "WELCOME10 is not valid any more."),
        (code(starts_at=datetime(2026, 11, 30, 23, tzinfo=UTC)), "not_started",
         "WELCOME10 starts on 1 December 2026."),
        (code(ends_at=NOW), "ended", "WELCOME10 ended on 20 November 2026."),
        (code(usage_limit=3, used=3), "used_up", "WELCOME10 has been used up."),
        (code(min_goods_minor=5000), "min_goods", "WELCOME10 needs goods for €50.00; €12.40 are missing."),
        (code(min_quantity=4), "min_quantity", "WELCOME10 needs 4 articles; 2 more to go."),
        (code(countries=["FR"]), "country", "WELCOME10 is not for deliveries to this country."),
        (code(targets=["sku:JAR"]), "no_matching_goods",
         "WELCOME10 is for other articles than those in your bag."),
        (code(percent=0), "nothing_to_take_off", "WELCOME10 takes nothing off this order."),
        (promotion(name="Spring", min_quantity=3), "min_quantity", "Spring needs 3 articles; 1 more to go."),
    ],
)  # fmt: skip
def test_reasons(candidate: Promotion | Candidate, reason: str, message: str, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    assert refusal([item("MUG", 1880, 2)], candidate) == (reason, message)


def test_a_coupon_has_its_own_time_and_limit() -> None:
    of = promotion(needs_coupon=True)
    later = Coupon(promotion=of, code="LATER", starts_at=NOW + timedelta(days=2))
    spent = Coupon(promotion=of, code="SPENT", usage_limit=1, used=1)
    mine = Coupon(promotion=of, code="MINE", usage_limit_per_customer=1)
    assert refusal([item()], Candidate(of, later))[0] == "not_started"
    assert refusal([item()], Candidate(of, spent))[0] == "used_up"
    assert refusal([item()], Candidate(of, mine, coupon_uses_by_customer=1)) == (
        "used_by_customer",
        "You have used MINE already.",
    )


@pytest.mark.parametrize(("is_new", "applies"), [(True, True), (False, False), (None, True)])
def test_first_orders_only(is_new: bool | None, applies: bool) -> None:
    """Who buys may not be known yet; then nothing is refused for it."""
    found = tried([item()], promotion(new_customers_only=True), customer=Customer("key", is_new))
    assert bool(found.applied) == applies
    assert found.refused_codes == []


def test_of_an_exclusive_group_the_first_that_applies() -> None:
    no, yes, late = (promotion(priority=place, exclusive_group="season") for place in (1, 2, 3))
    no.min_quantity = 9
    found = tried([item()], no, yes, late)
    assert [each.promotion for each in found.applied] == [yes]
    assert [(each.promotion, each.reason) for each in found.rejected] == [(no, "min_quantity"), (late, "exclusive")]


@pytest.mark.parametrize(
    ("line", "order", "both"),
    [(EVERY_PHASE, EVERY_PHASE, True), (["shipping"], EVERY_PHASE, False), (EVERY_PHASE, ["shipping"], False)],
)
def test_of_two_each_must_allow_the_other(line: list[str], order: list[str], both: bool) -> None:
    found = tried([item()], promotion(phase="line", combines_with=line), promotion(phase="order", combines_with=order))
    assert len(found.applied) == 1 + both
    assert [each.reason for each in found.rejected] == ([] if both else ["not_combinable"])


def test_two_codes_of_one_promotion_count_once() -> None:
    of = promotion(needs_coupon=True)
    pair = [Candidate(of, Coupon(promotion=of, code=name)) for name in ("ONE", "TWO")]
    found = tried([item()], *pair)
    assert [each.code for each in found.applied] == ["ONE"]
    assert [(each.code, each.reason) for each in found.refused_codes] == [("TWO", "already_applied")]


def test_a_code_of_nothing_is_told() -> None:
    found = evaluate(PricedCart((item(),), None, "DE", "EUR"), Offers(unknown=("GONE",)))
    assert found.rejected == (Rejected(None, "GONE", "coupon_invalid", "“GONE” is not valid."),)


def test_what_lowers_the_price_in_the_shop_is_not_ours() -> None:
    found = tried([item()], promotion(phase=Phase.CATALOGUE))
    assert (found.applied, found.rejected) == ((), ())


# --- What a row may be


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values",
    [
        {"phase": "order", "action": "free_shipping"},
        {"phase": "shipping", "action": "buy_x_get_y", "buy_quantity": 1, "get_quantity": 1},
        {"phase": "catalogue", "action": "buy_x_get_y", "buy_quantity": 1, "get_quantity": 1},
        {"phase": "order", "action": "fixed_price", "amount_minor": 1},
        {"percent": 101},
        {"percent": -1},
        {"action": "percent"},
        {"action": "amount"},
        {"action": "amount", "amount_minor": -1},
        {"phase": "line", "action": "buy_x_get_y", "buy_quantity": 0, "get_quantity": 1},
        {"phase": "line", "action": "buy_x_get_y", "buy_quantity": 1},
        {"percent": 1, "starts_at": NOW, "ends_at": NOW},
        {"percent": 1, "usage_limit": 1, "used": 2},
        {"percent": 1, "min_goods_minor": -1},
    ],
)
def test_the_database_refuses_what_makes_no_sense(values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        stored_promotion(**values)


def test_every_phase_has_an_action_that_means_one_price_or_a_set() -> None:
    for action in (Action.PERCENT, Action.AMOUNT, Action.FIXED_PRICE, Action.FREE_SHIPPING):
        assert 0 <= promotion(action=action, percent=10, amount_minor=5).off(100) <= 100
    with pytest.raises(ValueError):
        promotion(action=Action.BUY_X_GET_Y).off(100)
