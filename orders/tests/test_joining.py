"""Guests' orders belong to the account of their address once that is known to be its owner's, and never before."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts import operations as accounts
from accounts.models import User
from accounts.operations.verification import mark_verified
from accounts.tests.clients import ApiClient
from accounts.tests.factories import UserFactory
from checkout.operations import Contact
from checkout.tests.factories import make_variant, place_order
from orders.handlers import join_order_to_owner, join_orders_of_owner
from orders.models import Order
from orders.operations import join_orders
from shop.outbox import relay

pytestmark = pytest.mark.django_db

EMAIL = "dora@example.com"


def guest_order(email: str = EMAIL) -> Order:
    return place_order(make_variant(), contact=Contact(email))


def verify(user: User) -> None:
    with transaction.atomic():
        mark_verified(user, timezone.now())
    relay(timezone.now())


def owner_of(order: Order) -> User | None:
    order.refresh_from_db()
    return order.user


def orders_seen_by(user: User) -> list[str]:
    found: Any = ApiClient.of(user).get("/users/me/orders").json()["data"]
    return [order["orderId"] for order in found]


def test_join_when_the_address_is_verified() -> None:
    order, other = guest_order(), guest_order("somebody@example.com")
    user = UserFactory.create(email=EMAIL)
    assert orders_seen_by(user) == []
    verify(user)
    assert orders_seen_by(user) == [order.public_id]
    assert owner_of(other) is None
    assert [event.type for event in order.events.all()][-1] == "joined"


def test_a_later_order_joins_when_it_is_placed() -> None:
    user = UserFactory.create(email=EMAIL)
    verify(user)
    order = guest_order()
    relay(timezone.now())
    assert owner_of(order) == user


def test_whoever_signs_up_with_anothers_address_sees_nothing() -> None:
    order = guest_order()
    thief = accounts.register(EMAIL, "a long pass phrase", request_address="127.0.0.1", now=timezone.now())
    later = guest_order()
    relay(timezone.now() + timedelta(seconds=1))
    assert orders_seen_by(thief) == []
    assert ApiClient.of(thief).get(f"/orders/{order.public_id}").status_code == 404
    join_orders_of_owner({"user_id": thief.public_id})
    assert owner_of(order) is owner_of(later) is None


def test_whoever_changes_to_anothers_address_sees_nothing() -> None:
    thief = UserFactory.create()
    verify(thief)
    order = guest_order()
    accounts.update_profile(
        thief, asked_by=thief, email=EMAIL, current_password="correct horse battery", now=timezone.now()
    )
    relay(timezone.now() + timedelta(seconds=1))
    assert join_orders(thief, now=timezone.now()) == 0
    assert owner_of(order) is None


def test_repeated_events_change_nothing() -> None:
    order, user = guest_order(), UserFactory.create(email=EMAIL)
    verify(user)
    for _ in range(2):
        join_orders_of_owner({"user_id": user.public_id})
        join_order_to_owner({"order_id": order.public_id})
    assert [event.type for event in order.events.all()].count("joined") == 1


def test_an_order_keeps_the_account_that_placed_it() -> None:
    buyer = UserFactory.create()
    order = place_order(make_variant(), user=buyer, contact=Contact(EMAIL))
    verify(UserFactory.create(email=EMAIL))
    assert owner_of(order) == buyer


def test_a_closed_account_gets_none() -> None:
    user = UserFactory.create(email=EMAIL, email_verified_at=timezone.now(), is_active=False)
    order = guest_order()
    relay(timezone.now())
    assert join_orders(user, now=timezone.now()) == 0
    assert owner_of(order) is None
