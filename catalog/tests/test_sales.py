"""Sales: which price they make, when, for what; how they are applied to everything; the history of prices."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Event
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog import operations, sales
from catalog.imports.importer import Importer
from catalog.imports.readers import Row
from catalog.models import PriceChange, Product, Repricing, Variant
from catalog.operations import ProductDraft, VariantDraft, apply_sales, create_product, prices, replace_product
from catalog.queries import lowest_prices
from checkout.tests.books import broken
from inventory.tests.factories import together
from pricing.models import Promotion
from shop import outbox

from .factories import BrandFactory, CategoryFactory, ProductFactory, SaleFactory, VariantFactory

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
Rules = dict[str, Any]


def asked(variant: Variant, now: datetime = START) -> tuple[int, int | None]:
    variant = Variant.objects.get(pk=variant.pk)
    return variant.price_at(now), variant.compare_at(now)


def history(variant: Variant) -> list[tuple[int, int | None, str, str]]:
    rows = PriceChange.objects.filter(variant=variant).order_by("id")
    return list(rows.values_list("price_minor", "compare_at_minor", "sale", "actor"))


# --- Which price


@pytest.mark.parametrize(
    ("rules", "list_minor", "price_minor"),
    [
        ({"percent": Decimal(15)}, 2400, 2040),
        ({"percent": Decimal(10)}, 5, 5),
        ({"percent": Decimal("33.333")}, 999, 666),
        ({"percent": Decimal(50)}, 1, 1),
        ({"percent": Decimal(100)}, 2400, 0),
        ({"percent": Decimal(0)}, 2400, 2400),
        ({"action": "amount", "amount_minor": 500}, 2400, 1900),
        ({"action": "amount", "amount_minor": 2500}, 2400, 0),
        ({"action": "fixed_price", "amount_minor": 1000}, 2400, 1000),
        ({"action": "fixed_price", "amount_minor": 3000}, 2400, 3000),
    ],
)
def test_what_a_sale_makes_of_a_price(rules: Rules, list_minor: int, price_minor: int) -> None:
    assert sales.price_in(SaleFactory.build(**rules), list_minor) == price_minor


def test_the_first_by_priority_that_makes_it_cheaper_holds() -> None:
    variant = VariantFactory.create(price_minor=2400)
    SaleFactory.create(name="Dearer", action="fixed_price", amount_minor=3000, priority=1)
    SaleFactory.create(name="First", percent=10, priority=2)
    SaleFactory.create(name="Second", percent=50, priority=3)
    assert apply_sales(START) == 1
    assert asked(variant) == (2160, 2400)
    assert history(variant)[-1] == (2160, 2400, "First", "system")


@pytest.mark.parametrize(
    "condition",
    [
        {"needs_coupon": True}, {"new_customers_only": True}, {"countries": ["DE"]}, {"min_goods_minor": 1},
        {"min_quantity": 2}, {"usage_limit": 5}, {"usage_limit_per_customer": 1}, {"is_active": False},
        {"phase": "line"},
    ],
)  # fmt: skip
def test_a_condition_that_no_price_tag_can_ask_makes_no_price(condition: Rules) -> None:
    variant = VariantFactory.create(price_minor=2400)
    sale = SaleFactory.create(**condition)
    apply_sales(START)
    assert asked(variant) == (2400, None)
    Promotion.objects.filter(pk=sale.pk).update(
        needs_coupon=False, new_customers_only=False, countries=[], min_goods_minor=0, min_quantity=1, usage_limit=None,
        usage_limit_per_customer=None, is_active=True, phase="catalogue",
    )  # fmt: skip
    apply_sales(START)
    assert asked(variant) == (2040, 2400)


def test_what_is_reduced_already_can_be_left_out() -> None:
    variant = VariantFactory.create(price_minor=2400, compare_at_minor=3000)
    sale = SaleFactory.create(excludes_sale_items=True)
    apply_sales(START)
    assert asked(variant) == (2400, 3000)
    Promotion.objects.filter(pk=sale.pk).update(excludes_sale_items=False)
    apply_sales(START)
    assert asked(variant) == (2040, 2400)


# --- Of what


def test_targets() -> None:
    table = CategoryFactory.create(name="Table")
    mugs = CategoryFactory.create(name="Mugs", parent=table)
    mats = CategoryFactory.create(name="Table mats")
    brand = BrandFactory.create()
    mug = VariantFactory.create(sku="MUG", product=ProductFactory.create(category=mugs, brand=brand))
    mat = VariantFactory.create(sku="MAT", product=ProductFactory.create(category=mats))
    expected = {
        (): {mug, mat},
        ("sku:MUG",): {mug},
        (f"product:{mat.product.public_id}",): {mat},
        ("category:table",): {mug},
        ("category:table/mugs",): {mug},
        ("category:table-mats", f"brand:{brand.slug}"): {mug, mat},
        ("sku:NONE", "nonsense", "color:red"): set(),
    }
    for targets, meant in expected.items():
        in_words = {row for row in Variant.objects.all() if not targets or row.tags & set(targets)}
        assert in_words == set(Variant.objects.filter(sales.in_scope(targets))) == meant
        assert sales.count_touched(SaleFactory.build(targets=targets)) == len(meant)
    kept_out = SaleFactory.create(targets=["category:table"], excluded_targets=["sku:MUG"])
    assert sales.count_touched(kept_out) == 0
    apply_sales(START)
    assert asked(mug) == (2400, None)


# --- When


def test_it_begins_and_ends_to_the_minute() -> None:
    variant = VariantFactory.create(price_minor=2400)
    SaleFactory.create(starts_at=START, ends_at=END)
    assert apply_sales(START - TICK) == 0
    assert apply_sales(START) == 1
    assert apply_sales(START) == 0
    # The clock ends it, even where no job has come by.
    assert asked(variant, END - TICK) == (2040, 2400)
    assert asked(variant, END) == (2400, None)
    assert apply_sales(END - TICK) == 0
    assert apply_sales(END) == 1
    assert Variant.objects.get(pk=variant.pk).sale_price_minor is None
    assert [row[:3] for row in history(variant)] == [
        (2400, None, ""), (2040, 2400, "Autumn table"), (2400, None, ""),
    ]  # fmt: skip
    assert Product.objects.get().price_minor == 2400
    assert broken() == {}


def test_a_sale_that_staff_change_is_followed() -> None:
    variant = VariantFactory.create(price_minor=2400)
    sale = SaleFactory.create()
    changes: list[tuple[Rules, int]] = [
        ({"percent": 25}, 1800),
        ({"targets": ["sku:OTHER"]}, 2400),
        ({"targets": []}, 1800),
    ]
    for change, price in changes:
        Promotion.objects.filter(pk=sale.pk).update(**change)
        apply_sales(START)
        assert asked(variant)[0] == price
    sale.delete()
    apply_sales(START)
    assert asked(variant) == (2400, None)


def test_an_older_run_changes_nothing() -> None:
    variant = VariantFactory.create(price_minor=2400)
    SaleFactory.create(starts_at=START)
    apply_sales(START)
    assert apply_sales(START - timedelta(hours=1)) == 0
    assert asked(variant) == (2040, 2400)


# --- Products that change meanwhile


def draft(sku: str = "N-1", category: str = "Table", **values: Any) -> ProductDraft:
    return ProductDraft(name=f"Bowl {sku}", category=category, variants=[VariantDraft(sku, 2000, stock=1, **values)])


def test_a_product_that_is_made_changed_or_moved_has_the_right_price_at_once() -> None:
    CategoryFactory.create(name="Table")
    CategoryFactory.create(name="Garden")
    SaleFactory.create(targets=["category:table"])
    apply_sales(timezone.now())
    product = create_product(draft(), actor="user_ada")
    variant = product.variants.get()
    assert asked(variant) == (1700, 2000)
    assert product.price_minor == 1700
    assert history(variant) == [(1700, 2000, "Autumn table", "user_ada")]
    replace_product(product, {"variants": [{"sku": "N-1", "price_minor": 3000}]}, actor="user_bob")
    assert asked(variant) == (2550, 3000)
    moved = replace_product(product, {"category": "Garden"}, actor="user_bob")
    assert (asked(variant), moved.price_minor) == ((3000, None), 3000)
    replace_product(moved, {"name": "Large bowl"}, actor="user_bob")
    assert [row[0] for row in history(variant)] == [1700, 2550, 3000]
    assert broken() == {}


def test_a_product_that_no_run_could_see_follows_with_its_event() -> None:
    CategoryFactory.create(name="Table")
    product = create_product(draft(), actor="test")
    # As if the sale had been applied while that transaction was open.
    SaleFactory.create()
    sale_rules = prices._digest(sales.running(timezone.now()))
    Repricing.objects.create(pk=prices.ONLY, rules=sale_rules, as_of=timezone.now(), is_complete=True)
    assert apply_sales(timezone.now()) == 0
    assert asked(product.variants.get()) == (2000, None)
    outbox.relay(timezone.now())
    assert asked(product.variants.get()) == (1700, 2000)


def test_a_category_that_gets_another_address_leaves_the_sale_that_names_the_old_one() -> None:
    category = CategoryFactory.create(name="Table")
    variant = VariantFactory.create(product=ProductFactory.create(category=category))
    SaleFactory.create(targets=["category:table"])
    apply_sales(START)
    category.slug = "dining"
    category.save()
    operations.refresh_category(category)
    apply_sales(START)
    assert asked(variant) == (2400, None)


def test_an_import_writes_list_prices_and_keeps_the_sale() -> None:
    CategoryFactory.create(name="Table")
    SaleFactory.create()
    row = {"name": "Bowl", "sku": "B-1", "category": "Table", "price": 20, "stock": 3}
    for price, now_asked in [(20, 1700), (20, 1700), (30, 2550)]:
        (outcome,) = Importer().run([Row(1, row | {"price": price}, is_flat=False)])
        assert not outcome.fields
        variant = Variant.objects.get(sku="B-1")
        assert (variant.price_minor, asked(variant)[0]) == (price * 100, now_asked)
    assert [row[0] for row in history(variant)] == [1700, 2550]
    assert broken() == {}


# --- History


def test_history_can_not_be_rewritten() -> None:
    VariantFactory.create()
    for write in (lambda: PriceChange.objects.update(price_minor=1), lambda: PriceChange.objects.all().delete()):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            write()


def days(number: float) -> datetime:
    return START + timedelta(days=number)


@pytest.mark.parametrize(
    ("changes", "lowest"),
    [
        ([(0, 2400)], None),
        ([(-90, 2400), (0, 2000)], 2400),
        ([(-90, 2400), (-60, 1500), (-50, 2400), (0, 2000)], 2400),
        ([(-90, 2400), (-20, 1500), (-10, 2400), (0, 2000)], 1500),
        # What held when the 30 days began counts, though it was set before them.
        ([(-90, 1500), (-29, 2400), (0, 2000)], 1500),
        ([(-90, 1500), (-30, 2400), (0, 2000)], 2400),
        ([(-90, 2400), (-5, 1900), (0, 2000)], 1900),
        # The example of docs/algorithms/pricing.md.
        ([(-90, 2400), (-31, 1900), (-24, 2400), (-12, 2040)], 1900),
        ([(-90, 2400), (-31, 1900), (-24, 2400), (9, 2040)], 2400),
    ],
)
def test_the_lowest_price_of_the_30_days_before(changes: list[tuple[int, int]], lowest: int | None) -> None:
    variant = Variant.objects.create(product=ProductFactory.create(), sku="L-1", price_minor=1)
    for day, price in changes:
        Variant.objects.update(price_minor=price)
        operations.reprice([variant.product_id], now=days(day), actor="test")
    assert lowest_prices([variant]).get(variant.pk) == lowest


def test_a_list_price_that_changes_in_a_sale_begins_no_other_reduction() -> None:
    """At 18.00 whatever it cost: the sale's own price must not read as the one before it."""
    variant = VariantFactory.create()
    operations.reprice([variant.product_id], now=days(-90), actor="test")
    SaleFactory.create(action="fixed_price", percent=None, amount_minor=1800)
    operations.reprice([variant.product_id], now=days(0), actor="test")
    Variant.objects.update(price_minor=2600)
    operations.reprice([variant.product_id], now=days(5), actor="test")
    assert len(history(variant)) == 3
    assert lowest_prices([variant]) == {variant.pk: 2400}


def test_a_price_before_that_was_never_asked_tells_what_was() -> None:
    variant = VariantFactory.create()
    operations.reprice([variant.product_id], now=days(-90), actor="test")
    Variant.objects.update(compare_at_minor=3000)
    operations.reprice([variant.product_id], now=days(0), actor="test")
    assert lowest_prices([variant]) == {variant.pk: 2400}


# --- All of them, at once or in pieces


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "BATCH", 3)
    variants = [VariantFactory.create() for _ in range(20)]
    SaleFactory.create()
    assert sorted(map(str, together(4, lambda _: apply_sales(START))))[-1].isdigit()
    assert {asked(variant)[0] for variant in variants} == {2040}
    assert all(len(history(variant)) == 2 for variant in variants)
    assert broken() == {}


@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_cut_off_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "BATCH", 3)
    variants = [VariantFactory.create() for _ in range(8)]
    SaleFactory.create()
    assert apply_sales(START, seconds=0) == 0
    assert (prices._step(START), prices._step(START)) == (3, 3)
    progress = Repricing.objects.get()
    assert (progress.products, progress.done_up_to, progress.is_complete) == (6, variants[5].product_id, False)
    assert apply_sales(START + timedelta(minutes=1)) == 2
    assert {asked(variant)[0] for variant in variants} == {2040}


@pytest.mark.django_db(transaction=True)
def test_an_import_that_holds_products_in_another_order_is_waited_for_not_fought() -> None:
    first, second, third = (VariantFactory.create().product for _ in range(3))
    SaleFactory.create()
    has_second, is_running = Event(), Event()

    def write_backwards() -> None:
        with transaction.atomic():
            replace_product(second, {"name": "Second"}, actor="import")
            has_second.set()
            is_running.wait(5)
            replace_product(first, {"name": "First"}, actor="import")

    def apply() -> int:
        has_second.wait(5)
        is_running.set()
        return apply_sales(timezone.now())

    results = together(2, lambda number: apply() if number else write_backwards())
    assert not [result for result in results if isinstance(result, Exception)]
    assert {row.price_at(START) for row in Variant.objects.all()} == {2040}
    assert third.variants.get().sale_price_minor == 2040
    assert broken() == {}


def test_nothing_to_do_is_found_out_in_a_few_queries(django_assert_max_num_queries: Any) -> None:
    VariantFactory.create()
    SaleFactory.create()
    apply_sales(START)
    with django_assert_max_num_queries(6):
        assert apply_sales(START + timedelta(minutes=1)) == 0
