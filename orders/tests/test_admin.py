"""Orders as staff work on them."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.formats import date_format

from accounts.tests.factories import StaffFactory
from checkout.tests.factories import make_variant, order_in, place_order
from orders import operations
from orders.admin import MOVES
from orders.models import Order, Return, Shipment

from .factories import lines_of, order_of_two_lines, want_back

pytestmark = pytest.mark.usefixtures("sound")
LIST = "/admin/orders/order/"


def page_of(order: Order) -> str:
    return f"{LIST}{order.pk}/change/"


def run(browser: Client, action: str, *orders: Order) -> Any:
    return browser.post(LIST, {"action": action, "_selected_action": [str(order.pk) for order in orders]}, follow=True)


def move_of(order: Order, name: str) -> str:
    return f"{LIST}{order.pk}/move/{name}/"


def offered(browser: Client, order: Order) -> set[str]:
    text = browser.get(page_of(order)).text
    return {name for name in MOVES if move_of(order, name) in text}


def told(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def test_list_finds_and_costs_the_same_for_many(admin_browser: Client) -> None:
    variant = make_variant(stock=100)
    order = place_order(variant)
    admin_browser.get(LIST)

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_browser.get(LIST).status_code == 200
        return len(captured)

    few = cost()
    for _ in range(5):
        place_order(variant)
    assert cost() == few
    for words in (order.number, order.public_id, "ada@example.com"):
        assert order.number in admin_browser.get(LIST, {"q": words}).text


def test_list_shows_what_needs_doing(admin_browser: Client) -> None:
    paid, packed, sent = order_in("confirmed"), order_in("processing"), order_in("shipped")
    assert "?status__in=confirmed,processing" in admin_browser.get(LIST).text
    text = admin_browser.get(f"{LIST}?status__in=confirmed,processing").text
    assert paid.number in text and packed.number in text and sent.number not in text


def test_page_shows_the_order_whole(admin_browser: Client) -> None:
    order = operations.cancel_order(order_in("confirmed"), actor="system", reason="changed mind", now=timezone.now())
    text = admin_browser.get(page_of(order)).text
    placed = date_format(timezone.localtime(order.placed_at), "j M Y, H:i")
    for words in (order.number, "52.90", "Lindenallee 7", "Germany", "19 %", "changed mind", placed):
        assert words in text
    for raw in ("total_minor", "0.19000", "placed of", 'name="_save"', "(&#x27;", "+00:00"):
        assert raw not in text
    assert admin_browser.get(f"{LIST}add/").status_code == 403
    assert admin_browser.get(f"{LIST}{order.pk}/delete/").status_code == 403


def test_page_names_who_did_it_at_the_same_cost(admin_browser: Client) -> None:
    order = order_in("confirmed")

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_browser.get(page_of(order)).status_code == 200
        return len(captured)

    few = cost()
    staff = StaffFactory.create(email="packer@example.com")
    operations.start_processing(order, actor=staff.public_id, now=timezone.now())
    assert "packer@example.com" in admin_browser.get(page_of(order)).text
    assert cost() == few


def test_actions_move_each_order_by_itself(admin_browser: Client) -> None:
    ready, sent = order_in("confirmed"), order_in("shipped")
    text = run(admin_browser, "process_all", ready, sent).text
    assert "1 order processing" in text and f"{sent.number}: An order that is shipped" in text
    for action, status in [("ship_all", "shipped"), ("deliver_all", "delivered")]:
        run(admin_browser, action, ready)
        ready.refresh_from_db()
        assert ready.status == status
    last = ready.events.last()
    assert last and last.actor.startswith("user_")


@pytest.mark.parametrize(
    ("status", "moves"),
    [
        ("pending", {"cancel"}),
        ("confirmed", {"process", "ship", "drop", "cancel"}),
        ("processing", {"ship", "drop", "cancel"}),
        ("shipped", {"deliver", "tracking"}),
        ("delivered", set()),
        ("cancelled", set()),
    ],
)
def test_page_offers_what_the_state_allows(admin_browser: Client, status: str, moves: set[str]) -> None:
    order = order_in(status)
    assert offered(admin_browser, order) == moves
    for name in MOVES:
        answer = admin_browser.get(move_of(order, name), follow=True)
        assert bool(answer.redirect_chain) == (name not in moves)
    order.refresh_from_db()
    assert order.status == status


def test_order_goes_its_way_one_message_each(admin_browser: Client) -> None:
    order = order_in("confirmed")
    parcel = {"carrier": "DHL", "tracking_number": "JD1"}
    for name, form, status in [
        ("process", {}, "processing"),
        ("ship", parcel, "shipped"),
        ("tracking", parcel | {"tracking_number": "JD2"}, "shipped"),
        ("deliver", {}, "delivered"),
    ]:
        answer = admin_browser.post(move_of(order, name), form, follow=True)
        assert answer.redirect_chain == [(page_of(order), 302)]
        assert len(told(answer)) == 1
        order.refresh_from_db()
        assert order.status == status
    sent, corrected = order.events.get(type="shipped"), order.events.get(type="tracking")
    assert sent.payload["tracking_number"] == "JD1" and corrected.payload["tracking_number"] == "JD2"
    assert sent.actor.startswith("user_")


def test_cancelling_asks_and_tells_of_the_money(admin_browser: Client) -> None:
    order = place_order(payment_method="stripe")
    assert "Nothing has been paid" in admin_browser.get(move_of(order, "cancel")).text
    Order.objects.filter(pk=order.pk).update(payment_status="authorized")
    assert "will be released" in admin_browser.get(move_of(order, "cancel")).text
    operations.mark_paid(order, payment_reference="pay_1", now=timezone.now())
    text = admin_browser.get(move_of(order, "cancel")).text
    assert "52.90 will be refunded" in text and "Keep the order" in text
    assert admin_browser.post(move_of(order, "cancel"), {"reason": " "}).status_code == 200
    order.refresh_from_db()
    assert order.status == "confirmed"
    answer = admin_browser.post(move_of(order, "cancel"), {"reason": "sold out"}, follow=True)
    assert told(answer) == [f"Order {order.number} is cancelled."]
    order.refresh_from_db()
    assert order.status == "cancelled" and order.events.get(type="cancelled").payload == {"reason": "sold out"}


def test_transfer_is_sent_back_by_hand(admin_browser: Client) -> None:
    order = place_order(payment_method="invoice")
    operations.mark_paid(order, payment_reference="pay_1", now=timezone.now())
    assert "you send it back yourself" in admin_browser.get(move_of(order, "cancel")).text
    admin_browser.post(move_of(order, "cancel"), {"reason": "sold out"})


def test_an_old_form_is_refused_once_and_a_second_press_harmless(admin_browser: Client) -> None:
    order = order_in("shipped")
    answer = admin_browser.post(move_of(order, "cancel"), {"reason": "late"}, follow=True)
    assert len(told(answer)) == 1 and "a parcel has left" in told(answer)[0]
    count = order.events.count()
    assert "Every unit is in a parcel already" in admin_browser.post(move_of(order, "ship"), {}).text
    assert order.events.count() == count
    assert "can't" in told(admin_browser.post(move_of(order_in("pending"), "tracking"), {}, follow=True))[0]


def test_a_link_moves_nothing(admin_browser: Client) -> None:
    order = order_in("confirmed")
    for name in MOVES:
        admin_browser.get(move_of(order, name), {"reason": "lured", "tracking_number": "JD1"})
        admin_browser.get(page_of(order), {name: "1"})
    order.refresh_from_db()
    assert order.status == "confirmed"
    for link in (move_of(order, "nothing"), f"{LIST}0/move/ship/", f"{LIST}x/move/ship/"):
        assert admin_browser.get(link).status_code == 404


def test_a_post_needs_the_token() -> None:
    order, browser = order_in("confirmed"), Client(enforce_csrf_checks=True)
    browser.force_login(StaffFactory.create(is_superuser=True))
    assert browser.post(move_of(order, "cancel"), {"reason": "lured"}).status_code == 403
    order.refresh_from_db()
    assert order.status == "confirmed"


def test_page_saves_nothing(admin_browser: Client) -> None:
    """A form of the whole order would write back the state from before a payment came."""
    order = place_order()
    assert admin_browser.post(page_of(order), {"status": "delivered"}).status_code == 403
    order.refresh_from_db()
    assert order.status == "pending"


def test_tracking_is_corrected_with_an_event(admin_browser: Client) -> None:
    order = order_in("shipped")
    for _ in range(2):
        admin_browser.post(move_of(order, "tracking"), {"carrier": "DHL", "tracking_number": "JD2"})
    parcel = order.shipments.get()
    assert (parcel.tracking_number, parcel.carrier) == ("JD2", "DHL")
    assert order.events.filter(type="tracking").count() == 1
    assert 'value="JD2"' in admin_browser.get(move_of(order, "tracking")).text


def test_who_may(client: Client) -> None:
    order = order_in("confirmed")
    client.force_login(StaffFactory.create(permissions=["orders.view_order"]))
    assert client.get(page_of(order)).status_code == 200
    assert offered(client, order) == set()
    run(client, "ship_all", order)
    for name in MOVES:
        assert client.get(move_of(order, name)).status_code == 403
        assert client.post(move_of(order, name), {"reason": "mine"}).status_code == 403
    order.refresh_from_db()
    assert order.status == "confirmed"
    client.force_login(StaffFactory.create(permissions=["orders.change_order"]))
    assert offered(client, order) == {"process", "ship", "drop", "cancel"}
    client.force_login(StaffFactory.create())
    assert client.get(page_of(order)).status_code == 403


# --- Parcels and returns


def part_of(part: Shipment | Return, kind: str, name: str) -> str:
    return f"{LIST}{part.order_id}/{kind}/{part.public_id}/{name}/"


def test_units_are_chosen_and_a_form_pressed_twice_sends_once(admin_browser: Client) -> None:
    order = order_of_two_lines()
    first, second = lines_of(order)
    page = admin_browser.get(move_of(order, "ship")).text
    assert first.name in page and 'name="seen" value="6"' in page
    form = {f"quantity_{first.public_id}": "1", f"quantity_{second.public_id}": "0", "seen": "6", "carrier": "DHL"}
    for _ in range(2):
        answer = admin_browser.post(move_of(order, "ship"), form, follow=True)
    assert "Open it again" in answer.text
    assert [(row.order_line, row.quantity) for row in order.shipments.get().lines.all()] == [(first, 1)]
    for quantity in ("9", "-1", "x", "0", ""):
        wrong = {f"quantity_{first.public_id}": quantity, f"quantity_{second.public_id}": ""}
        assert admin_browser.post(move_of(order, "ship"), wrong).status_code == 200
    assert order.shipments.count() == 1


def test_a_parcel_goes_its_way(admin_browser: Client) -> None:
    order = order_of_two_lines()
    admin_browser.post(move_of(order, "ship"), {"only_pack": "on"})
    parcel = order.shipments.get()
    assert parcel.status == "packed"
    text = admin_browser.get(page_of(order)).text
    assert part_of(parcel, "parcel", "send") in text and part_of(parcel, "parcel", "lost") not in text
    for name, status in [("send", "shipped"), ("tracking", "shipped"), ("lost", "lost"), ("replace", "lost")]:
        assert admin_browser.get(part_of(parcel, "parcel", name)).status_code == 200
        answer = admin_browser.post(part_of(parcel, "parcel", name), {"tracking_number": "JD1"}, follow=True)
        assert len(told(answer)) == 1
        parcel.refresh_from_db()
        assert parcel.status == status
    again = order.shipments.get(replaces=parcel)
    admin_browser.post(part_of(again, "parcel", "deliver"), follow=True)
    order.refresh_from_db()
    assert order.status == "delivered"
    assert "can't" in told(admin_browser.get(part_of(parcel, "parcel", "lost"), follow=True))[0]


def test_a_parcel_is_unpacked_and_units_are_taken_off(admin_browser: Client) -> None:
    order = order_of_two_lines()
    parcel = operations.prepare(order, actor="test", now=timezone.now())
    admin_browser.post(part_of(parcel, "parcel", "unpack"), follow=True)
    first, second = lines_of(order)
    form = {f"quantity_{first.public_id}": "2", f"quantity_{second.public_id}": "0", "reason": "broken"}
    assert "fewer units" in told(admin_browser.post(move_of(order, "drop"), form, follow=True))[0]
    assert [line.units_to_send for line in lines_of(order)] == [1, 3]
    assert "2 taken off" in admin_browser.get(page_of(order)).text


def test_returns_are_decided_and_received(admin_browser: Client) -> None:
    order = order_of_two_lines("delivered")
    made, other = want_back(order, 2), want_back(order, 0, 1)
    assert page_of(order) in admin_browser.get(f"{LIST}?returns=open").text
    assert part_of(made, "return", "approve") in admin_browser.get(page_of(order)).text
    admin_browser.post(part_of(made, "return", "approve"))
    name = lines_of(order)[0].public_id
    page = part_of(made, "return", "receive")
    assert "Sell it again" in admin_browser.get(page).text
    admin_browser.post(page, {f"quantity_{name}": "1", f"disposition_{name}": "damaged"}, follow=True)
    assert admin_browser.post(part_of(other, "return", "reject"), {"reason": ""}).status_code == 200
    admin_browser.post(part_of(other, "return", "reject"), {"reason": "It was worn."}, follow=True)
    made.refresh_from_db()
    other.refresh_from_db()
    assert (made.status, other.status, other.answer) == ("received", "rejected", "It was worn.")
    assert [(line.quantity, line.disposition) for line in made.lines.all()] == [(1, "damaged")]
    assert page_of(order) not in admin_browser.get(f"{LIST}?returns=open").text


def test_who_may_move_parcels_and_returns(client: Client) -> None:
    order = order_of_two_lines("delivered")
    made, parcel = want_back(order, 1), order.shipments.get()
    client.force_login(StaffFactory.create(permissions=["orders.view_order"]))
    for link in (part_of(made, "return", "approve"), part_of(parcel, "parcel", "lost")):
        assert client.get(link).status_code == client.post(link).status_code == 403
        assert link not in client.get(page_of(order)).text
    client.force_login(StaffFactory.create(permissions=["orders.change_order"]))
    other = order_of_two_lines("delivered")
    for link in (
        part_of(made, "return", "nothing"),
        f"{LIST}{other.pk}/return/{made.public_id}/approve/",
        f"{LIST}{other.pk}/parcel/{parcel.public_id}/deliver/",
        f"{LIST}{order.pk}/parcel/none/deliver/",
    ):
        assert client.get(link).status_code == client.post(link).status_code == 404
