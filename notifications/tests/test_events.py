"""One purchase, from the article's first day to the parcel's last: each event is written, with the payload that
docs/operations/events.md promises."""

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from accounts import operations as accounts
from accounts.models import User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory
from cart import operations as carts
from catalog.models import Variant
from catalog.tests.factories import CategoryFactory
from checkout import operations as checkout
from checkout.tests.factories import ADDRESS, place_order
from notifications import operations as notifications
from orders import operations as orders
from orders.models import Order
from payments import operations as payments
from payments.providers.stripe import client as stripe
from payments.tests.sandbox import Sandbox
from shop.models import OutboxEvent
from tests.contract.world import MUG
from tests.events import documented_topics

# What no purchase brings about, told of by the tests of its own app.
OTHERS = {
    "order.edited", "invoice.issued", "stock.shortfall", "webhook.disabled",
    "order.partly_shipped", "order.parcel_replaced", "order.partly_delivered", "order.units_cancelled",
    "return.requested", "return.approved", "return.rejected", "return.received", "return.refunded", "promotion.changed",
    "payment.orphaned", "payment.mismatch", "review.published", "recommendations.generated", "user.erased",
    "user.already_registered", "user.email_verified", "user.second_factor_changed",
}  # fmt: skip


def offer() -> Variant:
    CategoryFactory.create(name="Kitchen")
    answer = ApiClient.of(StaffFactory.create(is_superuser=True)).post("/products", MUG)
    assert answer.status_code == 201, answer.content
    return Variant.objects.get(sku="MUG-T")


def pay(order: Order, sandbox: Sandbox, now: datetime) -> Any:
    payment = payments.start(order, now=now)
    sandbox.pay(payment)
    return payments.settle(payment, now=now)


@pytest.mark.django_db(transaction=True)
def test_each_event_of_a_purchase(sandbox: Sandbox) -> None:
    now = timezone.now()
    mug = offer()
    user: User = accounts.register("bea@example.com", "a long pass phrase", request_address="127.0.0.1", now=now)
    accounts.start_password_reset(user.email, request_address="127.0.0.1", now=now)
    accounts.update_profile(
        user, asked_by=user, email="bea@example.org", current_password="a long pass phrase", now=now
    )  # fmt: skip

    cart = carts.add_item(carts.open_cart(AnonymousUser()), variant=mug, quantity=3, now=now)
    cart = carts.set_quantity(cart, cart.lines[0]["itemId"], quantity=1, now=now)
    order = place_order(cart=cart, payment_method="invoice", shipping_address=ADDRESS)
    notifications.resend(order, "placed", actor="guest", now=now)
    orders.change_payment_method(order, "stripe", now=now)
    payment = pay(order, sandbox, now)
    order.refresh_from_db()
    orders.ship(order, tracking_number="JD014600", actor="test", now=now)
    orders.deliver(order, actor="test", now=now)
    payments.refund(payment, 100, reason="test", key="one", now=now)

    second = place_order(mug, quantity=1, payment_method="stripe", shipping_address=ADDRESS)
    unpaid = payments.start(second, now=now)
    stripe().v1.checkout.sessions.expire(unpaid.external_id or "")
    payments.settle(unpaid, now=now)
    checkout.end_if_unpaid(second, reason="test", now=now)

    promised = documented_topics()
    written = {event.topic: set(event.payload) for event in OutboxEvent.objects.all()}
    assert written == {topic: row.payload for topic, row in promised.items() if topic not in OTHERS}


@pytest.mark.django_db
def test_events_of_a_cart_count_units_and_name_nobody() -> None:
    cart = carts.open_cart(AnonymousUser())
    order = place_order(quantity=2)
    variant = order.lines.get().variant
    OutboxEvent.objects.all().delete()
    now = timezone.now()
    cart = carts.add_item(cart, variant=variant, quantity=2, now=now)
    item = cart.lines[0]["itemId"]
    for quantity in (5, 5, 1):
        cart = carts.set_quantity(cart, item, quantity=quantity, now=now)
    cart = carts.remove_item(cart, item, now=now)
    cart = carts.add_item(cart, variant=variant, quantity=1, now=now)
    carts.clear(cart, now=now)
    events = OutboxEvent.objects.filter(topic__startswith="cart.").order_by("id")
    assert [(event.topic.rpartition("_")[2], event.payload["quantity"]) for event in events] == [
        ("added", 2), ("added", 3), ("removed", 4), ("removed", 1), ("added", 1), ("removed", 1),
    ]  # fmt: skip
    assert all(cart.public_id not in f"{event.dedupe_key} {event.payload}" for event in events)
