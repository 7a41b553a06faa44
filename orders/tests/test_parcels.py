"""Several parcels: what leaves, arrives, gets lost, and what the order says of it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory, UserFactory
from checkout.tests.factories import make_variant, order_in, place_order
from inventory.errors import InsufficientStock
from inventory.models import Reservation, StockItem
from orders import operations
from orders.errors import InvalidTransition, NotCancellable, NothingToShip, TooManyUnits, WrongParcelState
from orders.models import Order
from shop.errors import InvalidInput
from shop.models import OutboxEvent

from .factories import ACTOR, arrive, lines_of, order_of_two_lines, send, units

pytestmark = pytest.mark.usefixtures("sound")


def now() -> Any:
    return timezone.now()


def axes(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return order.status, order.fulfillment_status


def told(topic: str) -> list[dict[str, Any]]:
    return list(OutboxEvent.objects.filter(topic=topic).order_by("id").values_list("payload", flat=True))


def stock() -> list[tuple[int, int]]:
    return list(StockItem.objects.order_by("id").values_list("on_hand", "reserved"))


def test_an_order_goes_in_three_parcels() -> None:
    order = order_of_two_lines()
    first = send(order, 2)
    assert axes(order) == ("processing", "partially_fulfilled")
    assert stock() == [(8, 1), (10, 3)]
    second = send(order, 1, 1, tracking_number="JD2", carrier="DHL")
    arrive(order, first)
    assert axes(order) == ("processing", "partially_fulfilled")
    third = send(order)
    assert axes(order) == ("shipped", "fulfilled")
    assert stock() == [(7, 0), (7, 0)]
    arrive(order, third)
    assert axes(order) == ("shipped", "fulfilled")
    arrive(order, second)
    assert axes(order) == ("delivered", "fulfilled")
    assert [each["shipment_id"] for each in told("order.partly_shipped")] == [first.public_id, second.public_id]
    assert [each["shipment_id"] for each in told("order.shipped")] == [third.public_id]
    assert [each["shipment_ids"] for each in told("order.delivered")] == [[second.public_id]]


def test_nothing_leaves_beyond_what_was_ordered() -> None:
    order = order_of_two_lines()
    send(order, 2)
    with pytest.raises(TooManyUnits) as refused:
        send(order, 2)
    assert refused.value.extra["left"] == 1
    for wrong in ({}, {"item_none": 1}, {lines_of(order)[0].public_id: 0}, {lines_of(order)[0].public_id: -1}):
        with pytest.raises(InvalidInput):
            operations.ship_units(order, quantities=wrong, actor=ACTOR, now=now())
    send(order)
    with pytest.raises(InvalidTransition):
        send(order, 1)
    assert order.shipments.count() == 2


@pytest.mark.parametrize("status", ["pending", "delivered", "cancelled"])
def test_only_an_order_that_was_accepted_is_sent(status: str) -> None:
    order = order_in(status)
    with pytest.raises(InvalidTransition):
        send(order, 1)
    with pytest.raises(InvalidTransition):
        operations.prepare(order, actor=ACTOR, now=now())


def test_two_lines_of_one_article() -> None:
    """The stock counts the article, the order its lines."""
    variant = make_variant(stock=10)
    order = order_in("confirmed", variant, quantity=3)
    send(order, 1)
    send(order, 2)
    assert Reservation.objects.filter(state="fulfilled").count() >= 1
    assert stock() == [(7, 0)]


def test_parcels_are_packed_before_they_leave() -> None:
    order = order_of_two_lines()
    parcel = operations.prepare(order, quantities=units(order, 2), actor=ACTOR, now=now())
    assert (parcel.status, axes(order)) == ("pending", ("processing", "unfulfilled"))
    with pytest.raises(TooManyUnits):
        send(order, 2)
    for _ in range(2):
        parcel = operations.pack(parcel, actor=ACTOR, now=now())
    assert order.events.filter(type="parcel_packed").count() == 1
    for _ in range(2):
        parcel = operations.send(parcel, tracking_number="JD1", actor=ACTOR, now=now())
    assert (parcel.status, parcel.tracking_number, axes(order)) == (
        "shipped",
        "JD1",
        ("processing", "partially_fulfilled"),
    )
    assert stock() == [(8, 1), (10, 3)]
    for verb in (operations.unpack, operations.pack):
        with pytest.raises(WrongParcelState):
            verb(parcel, actor=ACTOR, now=now())


def test_a_parcel_that_waits_is_taken_apart() -> None:
    order = order_of_two_lines()
    parcel = operations.prepare(order, is_packed=True, actor=ACTOR, now=now())
    with pytest.raises(NothingToShip):
        operations.prepare(order, actor=ACTOR, now=now())
    operations.unpack(parcel, actor=ACTOR, now=now())
    with pytest.raises(WrongParcelState):
        operations.send(parcel, actor=ACTOR, now=now())
    send(order)
    assert axes(order) == ("shipped", "fulfilled")


def test_shipping_the_rest_takes_what_waits_along() -> None:
    order = order_of_two_lines()
    operations.prepare(order, quantities=units(order, 1), actor=ACTOR, now=now())
    send(order, 1)
    operations.ship(order, tracking_number="JD9", actor=ACTOR, now=now())
    assert [parcel.status for parcel in order.shipments.all()] == ["shipped", "shipped"]
    assert axes(order) == ("shipped", "fulfilled")


def test_cancel_with_a_parcel_that_waits_and_not_after_one_left() -> None:
    order = order_of_two_lines()
    operations.prepare(order, quantities=units(order, 1), actor=ACTOR, now=now())
    operations.cancel_order(order, actor=ACTOR, reason="test", now=now())
    assert (axes(order), order.shipments.count(), stock()) == (("cancelled", "unfulfilled"), 0, [(10, 0), (10, 0)])
    order = order_of_two_lines()
    send(order, 1)
    with pytest.raises(NotCancellable) as refused:
        operations.cancel_order(order, actor=ACTOR, reason="test", now=now())
    assert "a parcel has left" in refused.value.text
    assert refused.value.extra == {"status": "processing", "allowed": ["shipped"]}


# --- Lost parcels


def test_a_lost_parcel_is_sent_again_once() -> None:
    order = order_of_two_lines()
    parcel = send(order)
    for _ in range(2):
        parcel = operations.lose(parcel, actor=ACTOR, now=now())
    assert axes(order) == ("shipped", "fulfilled")
    again = [operations.replace(parcel, tracking_number="JD2", actor=ACTOR, now=now()) for _ in range(2)]
    assert again[0] == again[1] and again[0].replaces == parcel
    assert stock() == [(4, 0), (4, 0)]
    assert len(told("order.parcel_replaced")) == 1
    with pytest.raises(WrongParcelState):
        arrive(order, parcel)
    arrive(order, again[0])
    assert axes(order) == ("delivered", "fulfilled")
    assert [line.units_delivered for line in lines_of(order)] == [3, 3]


def test_what_is_sold_out_cant_be_sent_again() -> None:
    variant = make_variant(stock=2)
    order = order_in("shipped", variant)
    parcel = operations.lose(order.shipments.get(), actor=ACTOR, now=now())
    with pytest.raises(InsufficientStock):
        operations.replace(parcel, actor=ACTOR, now=now())
    assert order.shipments.count() == 1
    # It turns up after all.
    arrive(order, parcel)
    assert axes(order) == ("delivered", "fulfilled")


def test_a_replacement_leaves_what_is_promised_to_the_rest_alone() -> None:
    order = order_in("confirmed", make_variant(stock=4), quantity=3)
    parcel = operations.lose(send(order, 2), actor=ACTOR, now=now())
    with pytest.raises(InsufficientStock):
        operations.replace(parcel, actor=ACTOR, now=now())
    assert stock() == [(2, 1)]


def test_a_parcel_is_sent_again_while_units_of_the_same_article_still_wait() -> None:
    order = order_in("confirmed", make_variant(stock=6), quantity=3)
    lost = operations.lose(send(order, 2), actor=ACTOR, now=now())
    again = operations.replace(lost, actor=ACTOR, now=now())
    assert stock() == [(2, 1)]
    assert axes(order) == ("processing", "partially_fulfilled")
    arrive(order, send(order))
    arrive(order, again)
    assert axes(order) == ("delivered", "fulfilled")
    assert stock() == [(1, 0)]


def test_a_lost_parcel_keeps_the_order_open_until_staff_close_it() -> None:
    order = order_of_two_lines()
    lost = operations.lose(send(order, 3), actor=ACTOR, now=now())
    arrive(order, send(order))
    assert axes(order) == ("shipped", "fulfilled")
    for _ in range(2):
        operations.deliver(order, actor=ACTOR, now=now())
    assert axes(order) == ("delivered", "fulfilled")
    lost.refresh_from_db()
    assert lost.status == "lost"
    with pytest.raises(WrongParcelState):
        operations.replace(lost, actor=ACTOR, now=now())


def test_all_parcels_lost_and_yet_arrived() -> None:
    order = order_in("shipped")
    operations.lose(order.shipments.get(), actor=ACTOR, now=now())
    operations.deliver(order, actor=ACTOR, now=now())
    assert (order.shipments.get().status, axes(order)) == ("delivered", ("delivered", "fulfilled"))


def test_delivered_as_a_whole_only_when_all_has_left() -> None:
    order = order_of_two_lines()
    send(order, 1)
    with pytest.raises(InvalidTransition):
        operations.deliver(order, actor=ACTOR, now=now())


# --- Units that will not be sent


def test_units_are_taken_off_an_order() -> None:
    order = order_of_two_lines()
    operations.cancel_units(order, units(order, 1), reason="broken", actor=ACTOR, now=now())
    assert (axes(order), stock()) == (("confirmed", "unfulfilled"), [(10, 2), (10, 3)])
    parcel = send(order, 2)
    with pytest.raises(TooManyUnits):
        send(order, 1)
    operations.cancel_units(order, units(order, 0, 3), reason="sold out", actor=ACTOR, now=now())
    assert (axes(order), stock()) == (("shipped", "fulfilled"), [(8, 0), (10, 0)])
    assert [each["shipment_id"] for each in told("order.shipped")] == [parcel.public_id]
    assert [sum(each["units"].values()) for each in told("order.units_cancelled")] == [1, 3]


def test_the_rest_is_taken_off_when_all_that_left_has_arrived() -> None:
    order = order_of_two_lines()
    arrive(order, send(order, 3, 1))
    operations.cancel_units(order, units(order, 0, 2), reason="sold out", actor=ACTOR, now=now())
    assert axes(order) == ("delivered", "fulfilled")


def test_the_last_units_are_cancelled_with_the_order() -> None:
    order = order_of_two_lines()
    with pytest.raises(NothingToShip, match="cancel it instead"):
        operations.cancel_units(order, units(order, 3, 3), reason="all", actor=ACTOR, now=now())
    with pytest.raises(InvalidTransition):
        operations.cancel_units(place_order(), {}, reason="unpaid", actor=ACTOR, now=now())


# --- JSON


@pytest.fixture
def staff(db: None) -> ApiClient:
    return ApiClient.of(StaffFactory.create(permissions=["orders.view_order", "orders.change_order"]))


def path_of(order: Order, *more: str) -> str:
    return "/".join([f"/orders/{order.public_id}/shipments", *more])


def items(order: Order, *quantities: int) -> list[dict[str, Any]]:
    return [{"itemId": name, "quantity": n} for name, n in units(order, *quantities).items()]


def test_parcels_over_json(staff: ApiClient, api: ApiClient) -> None:
    order = order_of_two_lines()
    body = {"items": items(order, 2), "trackingNumber": "JD1", "carrier": "DHL"}
    answer = staff.post(path_of(order), body)
    assert answer.status_code == 201, answer.content
    first = answer.json()["data"]
    assert (first["status"], first["trackingNumber"], first["items"]) == ("shipped", "JD1", items(order, 2))
    waiting = staff.post(path_of(order), {"items": items(order, 1), "status": "pending"}).json()["data"]
    for status in ("packed", "shipped", "lost"):
        answer = staff.put(path_of(order, waiting["shipmentId"]), {"status": status})
        assert answer.json()["data"]["status"] == status
    again = staff.post(path_of(order, waiting["shipmentId"], "replacement"), {"trackingNumber": "JD3"})
    assert (again.status_code, again.json()["data"]["replaces"]) == (201, waiting["shipmentId"])
    rest = staff.post(path_of(order), {}).json()["data"]
    assert rest["items"] == items(order, 0, 3)
    assert staff.post(path_of(order), {}).status_code == 409
    staff.put(path_of(order, rest["shipmentId"]), {"trackingNumber": "JD4"})
    for each in (first, again.json()["data"], rest):
        assert staff.put(path_of(order, each["shipmentId"]), {"status": "delivered"}).status_code == 200
    assert axes(order) == ("delivered", "fulfilled")
    listed = api.get(f"{path_of(order)}?token={order.access_token}").json()["data"]
    assert [each["status"] for each in listed] == ["delivered", "lost", "delivered", "delivered"]
    assert listed[-1]["trackingNumber"] == "JD4"


def test_a_parcel_that_waits_is_deleted(staff: ApiClient) -> None:
    order = order_of_two_lines()
    waiting = staff.post(path_of(order), {"status": "packed"}).json()["data"]["shipmentId"]
    assert staff.delete(path_of(order, waiting)).json()["data"] == []
    assert staff.delete(path_of(order, waiting)).status_code == 404
    sent = staff.post(path_of(order), {}).json()["data"]["shipmentId"]
    assert staff.delete(path_of(order, sent)).json()["code"] == "wrong_parcel_state"


def test_the_same_key_sends_one_parcel(staff: ApiClient) -> None:
    order = order_of_two_lines()
    sent = [staff.post(path_of(order), {"items": items(order, 1)}, idempotency_key="k1") for _ in range(2)]
    assert sent[0].json() == sent[1].json() and order.shipments.count() == 1
    other = staff.post(path_of(order), {"items": items(order, 2)}, idempotency_key="k1")
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (lambda order: {"items": items(order, 4)}, 409, "too_many_units"),
        (lambda order: {"items": [{"itemId": "item_none", "quantity": 1}]}, 400, "invalid_input"),
        (lambda order: {"items": []}, 400, "invalid_input"),
        (lambda order: {"items": [{"itemId": lines_of(order)[0].public_id, "quantity": 0}]}, 400, "invalid_input"),
        (lambda order: {"items": items(order, 2) * 2}, 409, "too_many_units"),
        (lambda order: {"items": items(order, 1), "status": "delivered"}, 400, "invalid_input"),
        (lambda order: {"items": items(order, 1), "total": 1}, 400, "invalid_input"),
    ],
)
def test_bad_parcels(staff: ApiClient, body: Callable[[Order], Any], status: int, code: str) -> None:
    order = order_of_two_lines()
    answer = staff.post(path_of(order), body(order))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert order.shipments.count() == 0


def test_who_may(api: ApiClient, customer: Any, customer_api: ApiClient) -> None:
    order = order_of_two_lines(user=customer)
    parcel = operations.prepare(order, actor=ACTOR, now=now())
    viewer = ApiClient.of(StaffFactory.create(permissions=["orders.view_order"]))
    for client, status in ((api, 401), (customer_api, 403), (viewer, 403)):
        assert client.post(path_of(order), {}).status_code == status
        assert client.put(path_of(order, parcel.public_id), {"status": "packed"}).status_code == status
        assert client.delete(path_of(order, parcel.public_id)).status_code == status
        assert client.post(path_of(order, parcel.public_id, "replacement"), {}).status_code == status
    assert customer_api.get(path_of(order)).status_code == viewer.get(path_of(order)).status_code == 200
    stranger = ApiClient.of(UserFactory.create())
    for client in (api, stranger):
        assert client.get(path_of(order)).status_code == 404


def test_a_parcel_of_another_order_is_missing(staff: ApiClient) -> None:
    order, other = order_of_two_lines(), order_of_two_lines("shipped")
    foreign = other.shipments.get().public_id
    assert staff.put(path_of(order, foreign), {"status": "delivered"}).json()["code"] == "shipment_not_found"
    assert staff.post(path_of(order, foreign, "replacement"), {}).status_code == 404
    assert axes(other) == ("shipped", "fulfilled")


# --- Pages


def test_pages_show_each_parcel(client: Client) -> None:
    order = order_of_two_lines()
    first = lines_of(order)[0]
    operations.lose(send(order, 1, tracking_number="JD1"), actor=ACTOR, now=now())
    arrive(order, send(order, 1))
    send(order, 1, tracking_number="JD3")
    page = client.get(f"{order.get_absolute_url()}?token={order.access_token}", follow=True).text
    for words in ("Partly on its way", "Lost on its way", "JD1", "Delivered on", "JD3", f"1 × {first.name}"):
        assert words in page
    tracked = client.post("/track/", {"number": order.number, "email": order.email}).text
    assert "JD1" in tracked and "JD3" in tracked and "Lost on its way" in tracked and first.name not in tracked


def test_who_collects_reads_of_no_parcel(client: Client) -> None:
    order = order_of_two_lines()
    Order.objects.filter(pk=order.pk).update(pickup_address="Hafenstrasse 1")
    parcel = send(order)
    url = f"{order.get_absolute_url()}?token={order.access_token}"
    page = client.get(url, follow=True).text
    assert "Ready to collect" in page and "On its way" not in page and "Parcel" not in page
    arrive(order, parcel)
    assert "Collected" in client.get(url, follow=True).text
