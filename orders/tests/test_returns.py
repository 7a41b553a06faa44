"""What comes back: within which time, how much of it, what becomes of it, and who may ask."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory, UserFactory
from checkout.tests.factories import order_in
from inventory.models import StockItem, StockMovement
from orders import operations, privacy
from orders.errors import ReturnRefused, TooManyUnits, WrongReturnState
from orders.models import Order
from orders.operations import ReturnItem
from shop.errors import InvalidInput
from shop.models import OutboxEvent

from .factories import ACTOR, arrive, lines_of, order_of_two_lines, receive, send, units, want_back

pytestmark = pytest.mark.usefixtures("sound")


def fulfillment(order: Order) -> str:
    order.refresh_from_db()
    return order.fulfillment_status


def told(topic: str) -> list[dict[str, Any]]:
    return list(OutboxEvent.objects.filter(topic=topic).order_by("id").values_list("payload", flat=True))


def test_a_return_goes_its_way_once() -> None:
    order = order_of_two_lines("delivered")
    made = want_back(order, 2)
    for _ in range(2):
        made = operations.approve_return(made, actor=ACTOR, now=timezone.now())
    first = receive(made)
    operations.receive_return(first, {}, actor=ACTOR, now=timezone.now())
    assert fulfillment(order) == "partially_returned"
    assert [item.on_hand for item in StockItem.objects.order_by("id")] == [9, 7]
    for _ in range(2):
        operations.mark_return_refunded(made.public_id, "re_1", now=timezone.now())
    made.refresh_from_db()
    assert (made.status, made.refund_id) == ("refunded", "re_1")
    for topic in ("return.requested", "return.approved", "return.received", "return.refunded"):
        assert told(topic) == [{"order_id": order.public_id, "return_id": made.public_id}]
    assert [event.type for event in order.events.all()][-4:] == [
        "return_requested",
        "return_approved",
        "return_received",
        "return_refunded",
    ]


def test_never_more_comes_back_than_arrived() -> None:
    order = order_of_two_lines()
    arrive(order, send(order, 2))
    send(order, 1)
    with pytest.raises(TooManyUnits):
        want_back(order, 3)
    want_back(order, 1)
    with pytest.raises(TooManyUnits):
        want_back(order, 2)
    want_back(order, 1)


def test_a_rejected_return_frees_its_units() -> None:
    order = order_of_two_lines("delivered")
    made = want_back(order, 3)
    for _ in range(2):
        made = operations.reject_return(made, reason="Worn.", actor=ACTOR, now=timezone.now())
    assert (made.status, made.answer, fulfillment(order)) == ("rejected", "Worn.", "fulfilled")
    want_back(order, 3)


def test_everything_comes_back() -> None:
    order = order_of_two_lines("delivered")
    receive(want_back(order, 3))
    assert fulfillment(order) == "partially_returned"
    receive(want_back(order, 0, 3))
    assert fulfillment(order) == "returned"


def test_what_becomes_of_it() -> None:
    order = order_of_two_lines("delivered")
    made = want_back(order, 2, 2)
    first, second = (line.public_id for line in lines_of(order))
    receive(made, dispositions={first: "damaged", second: "discard"})
    assert [item.on_hand for item in StockItem.objects.order_by("id")] == [7, 7]
    assert StockMovement.objects.filter(kind="return").count() == 2
    assert [line.disposition for line in made.lines.all()] == ["damaged", "discard"]


def test_less_came_than_was_announced() -> None:
    order = order_of_two_lines("delivered")
    made = want_back(order, 2, 2)
    first, second = (line.public_id for line in lines_of(order))
    receive(made, dispositions={first: "restock"}, quantities={first: 1, second: 0})
    assert [(line.order_line.public_id, line.quantity) for line in made.lines.all()] == [(first, 1)]
    want_back(order, 2, 3)


@pytest.mark.parametrize(
    ("dispositions", "quantities"),
    [
        (["restock"], []),
        (["lost", "restock"], []),
        ([], []),
        (["restock", "restock"], [3]),
        (["restock", "restock"], [-1]),
        (["restock", "restock"], [0, 0]),
    ],
)
def test_a_receipt_that_makes_no_sense(dispositions: list[str], quantities: list[int]) -> None:
    order = order_of_two_lines("delivered")
    made = want_back(order, 2, 2)
    names = [line.public_id for line in lines_of(order)]
    with pytest.raises(InvalidInput):
        receive(
            made,
            dispositions=dict(zip(names, dispositions, strict=False)),
            quantities=dict(zip(names, quantities, strict=False)),
        )
    made.refresh_from_db()
    assert (made.status, fulfillment(order)) == ("approved", "fulfilled")


def test_states_are_not_left_out() -> None:
    order = order_of_two_lines("delivered")
    made, now = want_back(order, 1), timezone.now()
    line = lines_of(order)[0].public_id
    with pytest.raises(WrongReturnState):
        operations.receive_return(made, {line: "restock"}, actor=ACTOR, now=now)
    with pytest.raises(WrongReturnState):
        operations.mark_return_refunded(made.public_id, "re_1", now=now)
    receive(made)
    for verb in (
        lambda: operations.approve_return(made, actor=ACTOR, now=now),
        lambda: operations.reject_return(made, reason="late", actor=ACTOR, now=now),
    ):
        with pytest.raises(WrongReturnState):
            verb()


def test_the_time_counts_from_the_last_parcel(settings: Any) -> None:
    settings.SHOP_RETURN_DAYS = 14
    order, now = order_of_two_lines(), timezone.now()
    with pytest.raises(ReturnRefused, match="has arrived yet"):
        want_back(order, 1)
    first, second = send(order, 3), send(order)
    operations.deliver(order, parcel=first, actor=ACTOR, now=now)
    operations.deliver(order, parcel=second, actor=ACTOR, now=now + timedelta(days=10))
    want_back(order, 1, now=now + timedelta(days=24))
    late = now + timedelta(days=24, seconds=1)
    with pytest.raises(ReturnRefused, match="is over"):
        want_back(order, 1, now=late)
    want_back(order, 1, is_late_allowed=True, now=late)


def test_a_line_is_named_once() -> None:
    order = order_of_two_lines("delivered")
    line = lines_of(order)[0].public_id
    with pytest.raises(InvalidInput):
        operations.request_return(order, [ReturnItem(line, 1, "other")] * 2, actor="guest", now=timezone.now())


# --- JSON


@pytest.fixture
def staff(db: None) -> ApiClient:
    return ApiClient.of(StaffFactory.create(permissions=["orders.view_order", "orders.change_order"]))


def path_of(order: Order, *more: str) -> str:
    return "/".join([f"/orders/{order.public_id}/returns", *more])


def items(order: Order, *quantities: int, **more: Any) -> list[dict[str, Any]]:
    given = units(order, *quantities)
    return [{"itemId": name, "quantity": n, "reason": "does_not_fit", **more} for name, n in given.items()]


def test_a_guest_asks_with_the_token(staff: ApiClient) -> None:
    order = order_of_two_lines("delivered")
    guest = ApiClient(order.access_token)
    answer = guest.post(path_of(order), {"items": items(order, 1), "note": "Too small."})
    assert answer.status_code == 201, answer.content
    made = answer.json()["data"]
    assert (made["status"], made["note"], made["items"][0]["reason"]) == ("requested", "Too small.", "does_not_fit")
    for body, status in (
        ({"status": "approved"}, "approved"),
        ({"status": "received", "items": [{"itemId": made["items"][0]["itemId"]}]}, "received"),
    ):
        answer = staff.put(path_of(order, made["returnId"]), body)
        assert (answer.status_code, answer.json()["data"]["status"]) == (200, status), answer.content
    listed = guest.get(path_of(order)).json()["data"]
    assert [(each["status"], each["items"][0]["disposition"]) for each in listed] == [("received", "restock")]


def test_a_rejection_needs_a_reason(staff: ApiClient) -> None:
    order = order_of_two_lines("delivered")
    made = want_back(order, 1)
    answer = staff.put(path_of(order, made.public_id), {"status": "rejected"})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["reason"])
    answer = staff.put(path_of(order, made.public_id), {"status": "rejected", "reason": "It was worn."})
    assert answer.json()["data"]["answer"] == "It was worn."


def test_the_same_key_asks_once() -> None:
    order = order_of_two_lines("delivered")
    guest = ApiClient(order.access_token)
    asked = [guest.post(path_of(order), {"items": items(order, 1)}, idempotency_key="r1") for _ in range(2)]
    assert asked[0].json() == asked[1].json() and order.returns.count() == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (lambda order: {"items": items(order, 4)}, 409, "too_many_units"),
        (lambda order: {"items": items(order, 1) * 2}, 400, "invalid_input"),
        (lambda order: {"items": items(order, 1, reason="because")}, 400, "invalid_input"),
        (lambda order: {"items": items(order, 1, disposition="restock")}, 400, "invalid_input"),
        (lambda order: {"items": []}, 400, "invalid_input"),
        (lambda order: {"items": items(order, 1), "note": "x" * 1001}, 400, "invalid_input"),
        (lambda order: {"items": [{"itemId": "item_none", "quantity": 1, "reason": "other"}]}, 400, "invalid_input"),
    ],
)
def test_bad_requests(body: Callable[[Order], Any], status: int, code: str) -> None:
    order = order_of_two_lines("delivered")
    answer = ApiClient(order.access_token).post(path_of(order), body(order))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert order.returns.count() == 0


def test_staff_may_be_generous_and_the_buyer_not(customer: Any, customer_api: ApiClient, staff: ApiClient) -> None:
    order = order_of_two_lines("delivered", user=customer)
    order.shipments.update(delivered_at=timezone.now() - timedelta(days=31))
    answer = customer_api.post(path_of(order), {"items": items(order, 1)})
    assert (answer.status_code, answer.json()["code"]) == (409, "return_refused")
    assert staff.post(path_of(order), {"items": items(order, 1)}).status_code == 201


def test_who_may(api: ApiClient, customer: Any, customer_api: ApiClient) -> None:
    order = order_in("delivered", user=customer)
    made = want_back(order, 1)
    stranger = ApiClient.of(UserFactory.create())
    viewer = ApiClient.of(StaffFactory.create(permissions=["orders.view_order"]))
    for client in (api, stranger):
        assert client.get(path_of(order)).status_code == 404
    for client in (api, stranger, viewer):
        assert client.post(path_of(order), {"items": items(order, 1)}).status_code == 404
    for client, status in ((api, 401), (customer_api, 403), (viewer, 403)):
        assert client.put(path_of(order, made.public_id), {"status": "approved"}).status_code == status
    made.refresh_from_db()
    assert made.status == "requested"


def test_a_return_of_another_order_is_missing(staff: ApiClient) -> None:
    order, other = order_in("delivered"), order_in("delivered")
    foreign = want_back(other, 1).public_id
    assert staff.put(path_of(order, foreign), {"status": "approved"}).json()["code"] == "return_not_found"


# --- The page


def form_of(order: Order, quantity: str = "1", reason: str = "does_not_fit") -> dict[str, str]:
    first, second = lines_of(order)
    return {
        f"quantity_{first.public_id}": quantity,
        f"reason_{first.public_id}": reason,
        f"quantity_{second.public_id}": "0",
        "note": "Too small.",
    }


def test_a_guest_asks_on_the_page(client: Client, settings: Any) -> None:
    settings.SHOP_RETURN_ADDRESS = ["Loam returns", "Lagerweg 9"]
    order = order_of_two_lines("delivered")
    url, token = f"/orders/{order.public_id}/return/", order.access_token
    assert client.get(url).status_code == client.post(url, form_of(order)).status_code == 404
    page = client.get(f"{url}?token={token}", follow=True)
    assert "How many of 3 go back" in page.text
    answer = client.post(url, form_of(order) | {"token": token}, follow=True)
    assert "We answer by mail" in answer.text and "Return asked for" in answer.text
    made = order.returns.get()
    assert (made.note, made.lines.get().quantity) == ("Too small.", 1)
    operations.approve_return(made, actor=ACTOR, now=timezone.now())
    assert "Lagerweg 9" in client.get(order.get_absolute_url()).text


def test_the_summary_names_the_article_that_has_no_reason(client: Client) -> None:
    order = order_of_two_lines("delivered")
    form = form_of(order, reason="") | {"token": order.access_token}
    page = client.post(f"/orders/{order.public_id}/return/", form).text
    assert f"Say why {lines_of(order)[0].name} goes back." in page


@pytest.mark.parametrize(
    ("quantity", "reason"), [("4", "other"), ("-1", "other"), ("0", "other"), ("1", ""), ("1", "x")]
)
def test_a_form_that_makes_no_sense(browser: Client, customer: Any, quantity: str, reason: str) -> None:
    order = order_of_two_lines("delivered", user=customer)
    answer = browser.post(f"/orders/{order.public_id}/return/", form_of(order, quantity, reason))
    assert answer.status_code == 200 and "There is a problem" in answer.text
    assert order.returns.count() == 0


def test_the_page_offers_it_while_there_is_something(browser: Client, customer: Any) -> None:
    order = order_of_two_lines("shipped", user=customer)
    assert "Send something back" not in browser.get(order.get_absolute_url()).text
    answer = browser.get(f"/orders/{order.public_id}/return/", follow=True)
    assert "nothing of this order that you can send back" in answer.text
    operations.deliver(order, actor=ACTOR, now=timezone.now())
    assert "Send something back" in browser.get(order.get_absolute_url()).text
    want_back(order, 3, 3)
    assert "Send something back" not in browser.get(order.get_absolute_url()).text


# --- Who it was


def test_the_words_are_in_the_copy_and_forgotten_with_the_order(customer: Any, settings: Any) -> None:
    order = order_of_two_lines("delivered", user=customer)
    want_back(order, 1, note="I am too tall for it.")
    assert privacy.export(customer)[0]["returns"][0]["note"] == "I am too tall for it."
    privacy.redact_old(timezone.now() + timedelta(days=366 * (settings.SHOP_KEEP_ORDER_DATA_YEARS + 1)))
    assert order.returns.get().note == ""


def test_what_was_lost_and_refunded_holds_nobody_up(customer: Any) -> None:
    order = order_in("shipped", user=customer)
    operations.lose(order.shipments.get(), actor=ACTOR, now=timezone.now())
    assert order.number in privacy.objection(customer)
    Order.objects.filter(pk=order.pk).update(payment_status="refunded")
    assert privacy.objection(customer) == ""
    Order.objects.filter(pk=order.pk).update(payment_status=order.payment_status)
