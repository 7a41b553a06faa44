"""PUT /api/orders/{orderId}/status: works, who may, what is refused."""

from itertools import product
from typing import Any

import pytest

from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory
from checkout.tests.factories import order_in
from inventory.models import Reservation, StockItem
from orders.models import Order
from orders.operations import ALLOWED
from shop.models import OutboxEvent

pytestmark = pytest.mark.usefixtures("sound")
STATES = Order.Status.values
# By hand: what follows from money alone, or from nothing, is nobody's to set.
BY_HAND = {state: targets - {"confirmed"} for state, targets in ALLOWED.items()}


@pytest.fixture
def staff(db: None) -> ApiClient:
    return ApiClient.of(StaffFactory.create(permissions=["orders.view_order", "orders.change_order"]))


def put(client: ApiClient, order: Order, status: Any, **body: Any) -> Any:
    return client.put(f"/orders/{order.public_id}/status", {"status": status, **body})


@pytest.mark.parametrize(("state", "target"), list(product(STATES, STATES)))
def test_every_pair_of_states(staff: ApiClient, state: str, target: str) -> None:
    order = order_in(state)
    events = order.events.count()
    answer = put(staff, order, target)
    order.refresh_from_db()

    if state == target:
        assert (answer.status_code, order.status) == (200, state)
        assert order.events.count() == events
    elif target in BY_HAND[state]:
        assert (answer.status_code, order.status) == (200, target)
        last = order.events.last()
        assert last and (last.from_status, last.to_status) == (state, target)
    else:
        assert (answer.status_code, order.status) == (409, state)
        body = answer.json()
        assert body["code"] == "invalid_transition"
        allowed = ALLOWED[state] if target not in {"pending", "confirmed"} else BY_HAND[state]
        assert body["allowed"] == sorted(allowed)
        assert order.events.count() == events


def test_shipped_sends_every_line_as_one_parcel(staff: ApiClient) -> None:
    order = order_in("confirmed")
    answer = put(staff, order, "shipped", trackingNumber="JD014600", carrier="DHL")

    data = answer.json()["data"]
    assert (data["status"], data["fulfillmentStatus"], data["trackingNumber"]) == ("shipped", "fulfilled", "JD014600")
    parcel = data["shipments"][0]
    assert (parcel["status"], parcel["carrier"]) == ("shipped", "DHL")
    assert parcel["items"] == [{"itemId": data["items"][0]["itemId"], "quantity": 2}]
    item = StockItem.objects.get()
    assert (item.on_hand, item.reserved) == (8, 0)
    last = order.events.last()
    assert last and last.payload["tracking_number"] == "JD014600" and last.actor.startswith("user_")
    assert OutboxEvent.objects.filter(topic="order.shipped").count() == 1


def test_tracking_is_corrected_by_shipping_again(staff: ApiClient) -> None:
    order = order_in("shipped")
    for _ in range(2):
        data = put(staff, order, "shipped", trackingNumber="JD2").json()["data"]
        assert (data["trackingNumber"], len(data["shipments"])) == ("JD2", 1)
    assert put(staff, order, "shipped", carrier="GLS").json()["data"]["shipments"][0]["trackingNumber"] == "JD2"
    assert [event.type for event in order.events.all()][-2:] == ["tracking", "tracking"]
    assert StockItem.objects.get().on_hand == 8


def test_delivered_marks_all_parcels(staff: ApiClient) -> None:
    data = put(staff, order_in("shipped"), "delivered").json()["data"]
    assert data["shipments"][0]["status"] == "delivered" and data["shipments"][0]["deliveredAt"]


def test_cancelled_gives_stock_back(staff: ApiClient) -> None:
    order = order_in("processing")
    data = put(staff, order, "cancelled").json()["data"]
    assert (data["status"], data["paymentStatus"]) == ("cancelled", "voided")
    assert StockItem.objects.get().reserved == 0
    assert not Reservation.objects.filter(state="open").exists()


def test_who_may(customer_api: ApiClient, customer: Any, api: ApiClient) -> None:
    order = order_in("confirmed", user=customer)
    assert put(customer_api, order, "shipped").status_code == 403
    assert put(api, order, "shipped").status_code == 401
    for permissions in ([], ["orders.view_order"]):
        assert put(ApiClient.of(StaffFactory.create(permissions=permissions)), order, "shipped").status_code == 403
    order.refresh_from_db()
    assert order.status == "confirmed"


@pytest.mark.parametrize("name", ["order_none", "1", "order_%00", "%2e%2e", "order_" + "x" * 2000])
def test_missing_order(staff: ApiClient, name: str) -> None:
    answer = staff.put(f"/orders/{name}/status", {"status": "shipped"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": "paid"}, "status"),
        ({"status": None}, "status"),
        ({"status": ["shipped"]}, "status"),
        ({"status": ""}, "status"),
        ({}, "status"),
        ({"status": "shipped", "trackingNumber": 5}, "trackingNumber"),
        ({"status": "shipped", "trackingNumber": None}, "trackingNumber"),
        ({"status": "shipped", "carrier": "x" * 201}, "carrier"),
        ({"status": "shipped", "carrier": "D\rHL"}, "carrier"),
        ({"status": "shipped", "carrier": "x" * 61}, "carrier"),
        ({"status": "shipped", "trackingNumber": "x" * 101}, "trackingNumber"),
        ({"status": "shipped", "paymentStatus": "paid"}, "paymentStatus"),
        ({"status": "shipped", "total": 1}, "total"),
    ],
)
def test_bad_input(staff: ApiClient, body: Any, field: str) -> None:
    order = order_in("confirmed")
    answer = staff.put(f"/orders/{order.public_id}/status", body)
    assert answer.status_code == 400, answer.content
    assert list(answer.json()["fields"]) == [field]
    order.refresh_from_db()
    assert order.status == "confirmed"
