from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from accounts.tests.factories import UserFactory
from catalog.tests.factories import VariantFactory
from checkout.tests.factories import make_cart
from recommendations import operations, queries
from recommendations.handlers import item_added
from recommendations.invariants import INVARIANTS
from recommendations.models import Bagged, Generation, Neighbour, Popular
from shop import invariants
from shop.models import OutboxEvent

from .factories import make_products, order_of

pytestmark = pytest.mark.usefixtures("sound")
TOGETHER, SHOPPER = Neighbour.Kind.TOGETHER, Neighbour.Kind.SHOPPER


def pairs(kind: str = TOGETHER) -> dict[tuple[int, int], float]:
    rows = Neighbour.objects.filter(kind=kind)
    return {(row.product_id, row.other_id): row.score for row in rows}


def test_what_was_ordered_together_twice_is_recommended_both_ways() -> None:
    cup, pot, lamp, rug = make_products(4)
    for _ in range(2):
        order_of(cup, pot)
    order_of(cup, lamp)
    order_of(rug)
    made = operations.generate(timezone.now() + timedelta(seconds=1))
    assert made is not None
    assert (made.baskets, made.products, made.pairs) == (4, 4, 2)
    found = pairs()
    assert set(found) == {(cup.pk, pot.pk), (pot.pk, cup.pk)}
    # Two of cup's three orders and both of pot's: cosine 2/sqrt(6), believed 2 parts in 5.
    assert found[cup.pk, pot.pk] == pytest.approx(2 / 6**0.5 * 2 / 5)
    told = OutboxEvent.objects.get(topic="recommendations.generated")
    assert told.payload == {"generation": made.pk, "products": 4, "pairs": 2}


def test_a_pair_seen_often_outweighs_a_perfect_one_seen_twice() -> None:
    cup, pot, rare = make_products(3)
    for _ in range(6):
        order_of(cup, pot)
    for _ in range(2):
        order_of(cup, rare)
    operations.generate(timezone.now() + timedelta(seconds=1))
    assert queries.bought_together([cup.pk], 4) == [pot.pk, rare.pk]
    assert queries.bought_together([cup.pk], 1) == [pot.pk]


@pytest.mark.parametrize("status", ["pending", "cancelled"])
def test_what_was_not_bought_in_the_end_does_not_count(status: str) -> None:
    cup, pot = make_products(2)
    for _ in range(3):
        order_of(cup, pot, status=status)
    operations.generate(timezone.now() + timedelta(seconds=1))
    assert (pairs(), Popular.objects.count()) == ({}, 0)


def test_what_is_long_past_does_not_count() -> None:
    cup, pot = make_products(2)
    now = timezone.now()
    for _ in range(2):
        order_of(cup, pot, at=now - timedelta(days=400))
    operations.generate(now)
    assert pairs() == {}


def test_one_shoppers_orders_belong_together_whenever_they_were() -> None:
    cup, pot = make_products(2)
    for _ in range(2):
        person = UserFactory.create()
        order_of(cup, user=person)
        order_of(pot, user=person)
    operations.generate(timezone.now() + timedelta(seconds=1))
    assert pairs() == {}
    assert set(pairs(SHOPPER)) == {(cup.pk, pot.pk), (pot.pk, cup.pk)}


def test_popular_is_what_is_bought_of_late() -> None:
    now = timezone.now()
    old, new = make_products(2)
    for _ in range(3):
        order_of(old, at=now - timedelta(days=90))
    order_of(new, at=now - timedelta(hours=1))
    operations.generate(now)
    assert queries.popular(2) == [new.pk, old.pk]
    assert Popular.objects.get(product=old).score == pytest.approx(3 / 8)
    assert queries.popular(2, category=make_products(1)[0].category) == []


def test_bags_count_a_little_and_name_nobody() -> None:
    cup, pot = make_products(2)
    for cart in (1, 2):
        for product in (cup, pot, cup):
            item_added({"cart": cart, "sku": product.variants.get().sku, "quantity": 1})
    item_added({"cart": 1, "sku": "GONE", "quantity": 1})
    assert Bagged.objects.count() == 4
    assert {field.name for field in Bagged._meta.fields} == {"id", "cart", "product", "at"}
    operations.generate(timezone.now() + timedelta(seconds=1))
    assert set(pairs()) == {(cup.pk, pot.pk), (pot.pk, cup.pk)}
    assert Neighbour.objects.first().count == pytest.approx(0.4)  # type: ignore[union-attr]
    operations.forget_old(timezone.now() + timedelta(days=91))
    assert (Bagged.objects.count(), Generation.objects.count()) == (0, 0)


def test_a_bag_and_its_order_are_one_basket() -> None:
    """Else one shopper's own basket would be told to everybody."""
    cup, pot = make_products(2)
    variants = [product.variants.get() for product in (cup, pot)]
    cart = make_cart(*variants, quantity=1)
    for variant in variants:
        item_added({"cart": cart.pk, "sku": variant.sku, "quantity": 1})
    order_of(cup, pot, cart=cart)
    operations.generate(timezone.now() + timedelta(seconds=1))
    assert (pairs(), Bagged.objects.count()) == ({}, 0)


def test_a_new_generation_replaces_the_old_one() -> None:
    cup, pot, lamp = make_products(3)
    now = timezone.now()
    for _ in range(2):
        order_of(cup, pot, at=now - timedelta(days=360))
    operations.generate(now)
    for _ in range(2):
        order_of(cup, lamp, at=now)
    operations.generate(now + timedelta(days=10))
    assert queries.bought_together([cup.pk], 4) == [lamp.pk]
    assert Generation.objects.count() == 2


def test_a_basket_of_a_whole_warehouse_makes_no_pairs(monkeypatch: Any) -> None:
    monkeypatch.setattr(operations, "MAX_BASKET", 2)
    products = make_products(3)
    for _ in range(2):
        order_of(*products)
    operations.generate(timezone.now() + timedelta(seconds=1))
    assert pairs() == {}


@pytest.mark.django_db(transaction=True)
def test_a_second_run_at_the_same_time_steps_aside() -> None:
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [operations.LOCK])
            assert operations.generate(timezone.now()) is None
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    assert operations.generate(timezone.now()) is not None


def test_the_invariant_holds_and_finds_a_planted_row() -> None:
    cup, pot = (VariantFactory.create().product for _ in range(2))
    Neighbour.objects.create(kind=TOGETHER, product=cup, other=pot, score=1.5, count=1)
    code = INVARIANTS[0].code
    finding = next(finding for finding in invariants.verify() if finding.invariant.code == code)
    assert [row["score"] for row in finding.rows] == [1.5]
    Neighbour.objects.update(score=0.5)
