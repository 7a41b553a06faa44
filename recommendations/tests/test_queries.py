from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.models import Attribute, Product
from catalog.operations import ProductDraft, VariantDraft, create_product, make_category
from inventory.models import StockItem
from recommendations import operations, queries

from .factories import make_products, order_of

pytestmark = pytest.mark.usefixtures("sound")


def learn() -> None:
    operations.generate(timezone.now() + timedelta(seconds=1))


def sell_out(product: Product) -> None:
    StockItem.objects.filter(sku__in=product.variants.values("sku")).update(safety_stock=10**6)


def for_you(user: User) -> list[int]:
    return queries.for_shopper(user, 4, now=timezone.now() + timedelta(seconds=1))


def test_nothing_that_can_not_be_bought_is_recommended(customer: User) -> None:
    cup, pot, gone, withdrawn = make_products(4)
    for _ in range(2):
        order_of(cup, pot, gone, withdrawn, user=UserFactory.create())
    order_of(cup, user=customer)
    learn()
    sell_out(gone)
    Product.objects.filter(pk=withdrawn.pk).update(is_active=False)
    assert queries.bought_together([cup.pk], 4) == [pot.pk]
    assert for_you(customer) == [pot.pk]
    assert set(queries.popular(9)) == {cup.pk, pot.pk}
    assert queries.similar_to(cup, 4) == [pot.pk]


def test_what_lies_in_the_bag_is_not_recommended_to_it() -> None:
    cup, pot, lamp = make_products(3)
    for _ in range(2):
        order_of(cup, pot, lamp)
    learn()
    assert queries.bought_together([cup.pk, pot.pk], 4) == [lamp.pk]
    assert queries.bought_together([], 4) == []


def test_for_a_shopper_neighbours_come_first_then_their_categories_then_what_is_popular(customer: User) -> None:
    cup, pot, shelf_mate = make_products(3)
    (hit,) = make_products(1)
    for _ in range(2):
        person = UserFactory.create()
        order_of(cup, user=person)
        order_of(pot, user=person)
    order_of(shelf_mate)
    for _ in range(5):
        order_of(hit)
    order_of(cup, user=customer)
    learn()
    assert for_you(customer) == [pot.pk, shelf_mate.pk, hit.pk]


def test_an_order_counts_from_the_moment_it_is_placed(customer: User) -> None:
    cup, pot, bow, kite = make_products(4)
    for pair in ((cup, pot), (bow, kite)):
        for _ in range(3):
            order_of(*pair, user=UserFactory.create())
    order_of(cup, user=customer)
    learn()
    assert for_you(customer)[0] == pot.pk
    order_of(bow, user=customer)
    assert set(for_you(customer)[:2]) == {kite.pk, pot.pk}


def test_who_never_bought_gets_what_is_popular(customer: User) -> None:
    few, many = make_products(2)
    for product in (few, many, many):
        order_of(product)
    learn()
    assert for_you(customer) == [many.pk, few.pk]
    assert not queries.has_bought(customer)


def test_similar_products_share_the_most(db: None) -> None:
    """Once the rule of the product page itself; it knows nothing of orders, so it serves a shop that opened today."""
    make_category(["Table", "Mugs"])
    Attribute.objects.create(code="material", name="Material", position=1)

    def near(name: str, sku: str, stock: int, category: str = "Mugs", **attributes: str) -> Product:
        variants = [VariantDraft(sku, 2000, stock=stock)]
        draft = ProductDraft(name=name, category=category, attributes=attributes, variants=variants)
        return create_product(draft, actor="test")

    make_category(["Table", "Plates"])
    make_category(["Sound"])
    mug = near("Harbour mug", "M", 5, material="Stoneware")
    near("Plain mug", "A", 5)
    near("Stone mug", "B", 5, material="Stoneware")
    near("Sold out mug", "C", 0, material="Stoneware")
    near("Plate", "D", 5, "Plates", material="Stoneware")
    near("Speaker", "E", 5, "Sound", material="Stoneware")
    rows = queries.cards_in_rows(queries.beside(mug), now=timezone.now())
    assert [card.product.name for card in rows["similar"]] == ["Stone mug", "Plain mug", "Plate"]
    assert rows["together"] == []


def test_a_product_stands_in_one_row(django_assert_num_queries: Any) -> None:
    cup, pot, lamp = make_products(3)
    for _ in range(2):
        order_of(cup, pot)
    learn()
    assert queries.beside(cup) == {"together": [pot.pk], "similar": [lamp.pk]}
    with django_assert_num_queries(2):
        queries.beside(cup)
