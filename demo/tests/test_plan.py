"""The made-up past holds together before anything of it is written."""

import re
from collections import Counter, defaultdict
from datetime import date, timedelta

import pytest

from demo.plan import ORDERS, SENT_GRAMS, Person, Plan, _rows

ADA = Person("Ada Brandt", "customer@example.com", {"country": "DE", "city": "Berlin", "postal_code": "10969"}, True)
# A Monday, a Sunday, the week of both changes of the clock and the turn of a year.
DAYS = [date(2026, 11, 23), date(2026, 11, 22), date(2026, 4, 1), date(2026, 10, 27), date(2027, 1, 1)]


def plan(day: date, seed: int = 1) -> Plan:
    return Plan(day=day, home="DE", customer=ADA, invoice_days=7, seed=seed)


@pytest.fixture(params=DAYS, ids=str)
def made(request: pytest.FixtureRequest) -> Plan:
    return plan(request.param)


def test_the_same_seed_and_day_make_the_same_plan() -> None:
    first, second, other = plan(DAYS[0]), plan(DAYS[0]), plan(DAYS[0], seed=2)
    assert (first.purchases, first.opinions, first.receipts) == (second.purchases, second.opinions, second.receipts)
    assert first.purchases != other.purchases


def test_nothing_is_still_to_come(made: Plan) -> None:
    moments = [receipt.at for receipt in made.receipts[:-1]] + [opinion.at for opinion in made.opinions]
    for each in made.purchases:
        moments += [each.placed_at, each.paid_at, each.packed_at, each.shipped_at, each.delivered_at]  # type: ignore[list-item]
        moments += [each.cancelled_at, each.refunded_at]  # type: ignore[list-item]
    assert max(moment for moment in moments if moment) < made.until


def test_an_order_goes_its_way_in_order(made: Plan) -> None:
    for each in made.purchases:
        way = [each.placed_at, each.packed_at, each.shipped_at, each.delivered_at]
        reached = [moment for moment in way if moment]
        assert way[: len(reached)] == reached == sorted(reached)
        assert not (each.packed_at and each.cancelled_at)
        assert each.method == "cod" or each.paid_at or not each.packed_at
        assert bool(each.refunded_at) <= bool(each.paid_at and each.refunded_percent)


def test_what_is_bought_had_come_and_was_there(made: Plan) -> None:
    shelf: dict[str, int] = defaultdict(int)
    events = [(receipt.at, receipt.sku, receipt.quantity) for receipt in made.receipts]
    for each in made.purchases:
        assert sum(made.by_sku[sku].grams * count for sku, count in each.lines.items()) <= SENT_GRAMS
        for sku, count in each.lines.items():
            assert made.by_sku[sku].came < each.placed_at
            if not each.cancelled_at:
                events.append((each.placed_at, sku, -count))
    for _, sku, count in sorted(events):
        shelf[sku] += count
        assert shelf[sku] >= 0
    assert {sku: left for sku, left in shelf.items() if left} == {a.sku: a.stock for a in made.articles if a.stock}


def test_who_tells_of_a_product_has_had_it_for_a_week(made: Plan) -> None:
    assert len(made.opinions) >= 165
    told = Counter((opinion.purchase.buyer.email, opinion.product) for opinion in made.opinions)
    assert max(told.values()) == 1
    for opinion in made.opinions:
        assert opinion.product in {made.by_sku[sku].product for sku in opinion.purchase.lines}
        assert opinion.purchase.delivered_at
        assert opinion.at > opinion.purchase.delivered_at + timedelta(days=6)
        assert opinion.purchase.buyer.has_account and opinion.purchase.buyer != ADA


def test_the_days_have_a_rhythm_and_staff_something_to_do(made: Plan) -> None:
    days = Counter(each.placed_at.weekday() for each in made.purchases)
    assert days[5] < min(days[0], days[1], days[2])
    assert len(made.purchases) == ORDERS + 6
    unpaid = [each for each in made.purchases if not (each.paid_at or each.cancelled_at) and each.method == "invoice"]
    ready = [each for each in made.purchases if each.paid_at or each.method == "cod"]
    to_ship = [each for each in ready if not (each.shipped_at or each.cancelled_at)]
    on_the_way = [each for each in made.purchases if each.shipped_at and not each.delivered_at]
    assert unpaid and to_ship and on_the_way
    assert any(each.cancelled_at for each in made.purchases) and any(each.refunded_at for each in made.purchases)
    assert {each.method for each in made.purchases} == {"stripe", "invoice", "cod"}
    # The provider knows nothing of these payments: what staff can still cancel was not paid by card.
    assert "stripe" not in {each.method for each in to_ship}


def test_reviews_are_about_goods_and_say_nothing_twice() -> None:
    rows = list(_rows("reviews.jsonl"))
    texts = [row["text"] for row in rows] + [row["reply"] for row in rows if "reply" in row]
    said = [part.strip().lower() for text in texts for part in re.split(r"(?<=[.!?])\s+", text)]
    assert [part for part, count in Counter(said).items() if count > 1] == []
    titles = [row["title"] for row in rows if row["title"]]
    assert [title for title, count in Counter(titles).items() if count > 1] == []
    ratings = Counter(row["rating"] for row in rows)
    assert ratings[5] > ratings[4] > ratings[3] > ratings[2] >= ratings[1] > 0
    assert sum("reply" in row for row in rows) >= 5
    assert {row["product"] for row in rows} <= {row["name"] for row in _rows("products.jsonl")}
