"""The past that a new demo shop is given agrees with itself, and nobody hears of it."""

import io
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import User
from catalog.models import PriceChange, Product, Variant
from demo.operations import CUSTOMER, STAFF, make_history, prepare
from demo.tests.test_content import PRODUCTS, sold
from inventory import operations as inventory
from inventory.models import Reservation, StockItem, StockMovement
from notifications.models import MailLog
from orders.models import Order, OrderEvent, OrderLine
from payments import operations as payments
from payments.models import Payment, PaymentEvent
from payments.tests.sandbox import Sandbox
from pricing.models import Coupon
from reviews.models import Review
from shop.invariants import verify
from shop.models import OutboxEvent

from .test_seed import PASSWORD, seed

pytestmark = pytest.mark.django_db

STOCK = {article["sku"]: article["stock"] for product in PRODUCTS for article in sold(product)}


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    monkeypatch.setenv("SHOP_DEMO_PASSWORD", PASSWORD)


@pytest.mark.slow
def test_a_new_shop_has_a_past() -> None:
    assert "256 orders of the last 90 days\n" in seed()
    assert [finding.rows for finding in verify() if finding.rows] == []
    every_state_has_orders()
    prices_are_those_of_the_day()
    stock_is_what_is_left()
    nothing_is_early_or_late()
    reviews_are_by_buyers()
    nobody_is_told_or_asked()
    before = (Order.objects.count(), StockMovement.objects.count(), Review.objects.count())
    assert "orders" not in seed()
    assert before == (Order.objects.count(), StockMovement.objects.count(), Review.objects.count())


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_order_of_the_past_can_be_refunded(tmp_path: Path, settings: Any) -> None:
    """Its card payment was never made at the stand-in, which learns of it from a file."""
    past = tmp_path / "past.jsonl"
    call_command("seed_demo", past_payments=past, stdout=io.StringIO())
    sandbox = Sandbox("http://127.0.0.1:1/", "--past", str(past))
    try:
        settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE = "sk_test_sandbox", sandbox.url
        paid = Payment.objects.filter(provider="stripe", captured_minor__gt=0)
        whole = paid.filter(refunded_minor=0).latest("created_at")
        part = paid.filter(refunded_minor__gt=0, refunded_minor__lt=F("captured_minor")).latest("created_at")
        for payment in (whole, part):
            made = payments.refund_rest(payment, reason="test", now=timezone.now())
            assert made and made.status == "succeeded"
            payment = payments.settle(payment, now=timezone.now())
            assert payment.refunded_minor == payment.captured_minor
        assert sandbox.state()["sessions"]["complete"] == paid.count()
        assert [finding.rows for finding in verify() if finding.rows] == []
    finally:
        sandbox.stop()


def every_state_has_orders() -> None:
    assert set(Order.objects.values_list("status", flat=True)) >= {"pending", "confirmed", "delivered", "cancelled"}
    assert Order.objects.filter(user=None).count() > 30
    assert User.objects.get(email=CUSTOMER).orders.count() == 3
    assert Order.objects.filter(payment_status="refunded").exists()
    assert Coupon.objects.get(code="WELCOME10").used > 5
    assert {order.shipping_address["country"] for order in Order.objects.all()} >= {"DE", "AT", "FR", "GB"}


def prices_are_those_of_the_day() -> None:
    history: dict[int, list[PriceChange]] = defaultdict(list)
    for change in PriceChange.objects.order_by("at", "id"):
        history[change.variant_id].append(change)
    for line in OrderLine.objects.select_related("order"):
        held = [change for change in history[line.variant_id] if change.at <= line.order.placed_at][-1]
        assert line.unit_price_minor == held.price_minor
        assert line.list_price_minor == held.compare_at_minor or held.compare_at_minor is None
    reduced = OrderLine.objects.filter(unit_price_minor__lt=F("list_price_minor"))
    assert reduced.filter(variant__product__category__url_path__startswith="kitchen/").count() > 10


def stock_is_what_is_left() -> None:
    assert {item.sku: item.available for item in StockItem.objects.all()} == STOCK
    assert {sku for sku, stock in STOCK.items() if not stock} == {"LG-139", "LG-115-RUS"}
    shelf: dict[str, int] = defaultdict(int)
    dates = []
    for movement in StockMovement.objects.order_by("id"):
        shelf[movement.sku] += movement.quantity
        dates.append(movement.created_at)
        assert shelf[movement.sku] >= 0
    assert dates == sorted(dates)


def nothing_is_early_or_late() -> None:
    now = timezone.now()
    for dated in (OrderEvent, StockMovement, Payment, PaymentEvent, Review, Reservation):
        assert not dated._default_manager.filter(created_at__gt=now).exists()
    assert not Order.objects.filter(Q(placed_at__gt=now) | Q(updated_at__gt=now)).exists()
    assert not Order.objects.filter(placed_at__lt=F("user__created_at")).exists()
    assert not OrderLine.objects.filter(order__placed_at__lt=F("variant__product__created_at")).exists()
    for order in Order.objects.prefetch_related("events"):
        dates = [event.created_at for event in order.events.all()]
        assert dates == sorted(dates) and dates[-1] == order.updated_at


def reviews_are_by_buyers() -> None:
    assert Review.objects.filter(state="pending").count() == 2
    assert Review.objects.exclude(staff_reply="").count() >= 5
    for review in Review.objects.select_related("order_line__order", "order_line__variant"):
        order = review.order_line.order
        assert (order.user_id, order.status) == (review.user_id, "delivered")
        assert review.order_line.variant.product_id == review.product_id
        assert order.shipments.filter(delivered_at__lt=review.created_at).exists()
    assert Product.objects.filter(rating_count__gt=0).count() > 50


def nobody_is_told_or_asked() -> None:
    """The next run of every clock finds nothing to do for the past."""
    now = timezone.now()
    assert not MailLog.objects.exists()
    assert not OutboxEvent.objects.filter(topic__regex="^(order|payment|stock|user)[.]", state="pending").exists()
    assert inventory.sweep_low_stock(now) == 0
    assert not Payment.objects.to_reconcile(now + timedelta(days=30)).exists()
    assert payments.reconcile(now + timedelta(days=1)) == 0


def test_a_shop_that_has_had_stock_gets_no_past_but_what_is_new_on_its_shelves() -> None:
    prepare(PASSWORD)
    for sku in ("OS-101-TEA", "FM-105"):
        inventory.receive(sku, 5, reason="ours", actor="staff")
    assert make_history(now=timezone.now()) == 0
    wanted = {sku: stock for sku, stock in STOCK.items() if stock} | {"OS-101-TEA": 5, "FM-105": 5}
    assert dict(StockItem.objects.values_list("sku", "on_hand")) == wanted
    assert make_history(now=timezone.now()) == 0
    assert StockMovement.objects.count() == len(wanted)
    assert not Order.objects.exists() and User.objects.filter(email=STAFF).exists()


def test_without_its_two_people_there_is_no_past() -> None:
    prepare(PASSWORD)
    User.objects.filter(email=CUSTOMER).update(email="ada@example.net")
    assert make_history(now=timezone.now()) == 0
    assert not Order.objects.exists() and not Variant.objects.exists()
