"""Orders as staff work on them."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tests.factories import StaffFactory
from checkout.tests.factories import make_variant, order_in, place_order
from orders import operations
from orders.models import Order

pytestmark = pytest.mark.usefixtures("sound")
LIST = "/admin/orders/order/"


def page_of(order: Order) -> str:
    return f"{LIST}{order.pk}/change/"


def run(browser: Client, action: str, *orders: Order) -> Any:
    return browser.post(LIST, {"action": action, "_selected_action": [str(order.pk) for order in orders]}, follow=True)


def form_of(order: Order, **values: str) -> dict[str, str]:
    form = {f"{name}-{part}_FORMS": "0" for name in ("lines", "events") for part in ("TOTAL", "INITIAL")}
    parcels = list(order.shipments.all())
    form |= {"shipments-TOTAL_FORMS": str(len(parcels)), "shipments-INITIAL_FORMS": str(len(parcels))}
    for number, parcel in enumerate(parcels):
        form |= {
            f"shipments-{number}-id": str(parcel.pk),
            f"shipments-{number}-order": str(order.pk),
            f"shipments-{number}-carrier": parcel.carrier,
            f"shipments-{number}-tracking_number": parcel.tracking_number,
        }
    return form | values


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


def test_page_shows_the_order_whole(admin_browser: Client) -> None:
    order = order_in("shipped")
    text = admin_browser.get(page_of(order)).text
    for words in (order.number, "52.90", "Lindenallee 7", order.lines.get().sku, "shipped"):
        assert words in text
    assert admin_browser.get(f"{LIST}add/").status_code == 403
    assert admin_browser.get(f"{LIST}{order.pk}/delete/").status_code == 403


def test_actions_move_each_order_by_itself(admin_browser: Client) -> None:
    ready, sent = order_in("confirmed"), order_in("shipped")
    text = run(admin_browser, "start_processing", ready, sent).text
    assert "1 order processing" in text and f"{sent.number}: An order that is shipped" in text
    for action, status in [("mark_shipped", "shipped"), ("mark_delivered", "delivered")]:
        run(admin_browser, action, ready)
        ready.refresh_from_db()
        assert ready.status == status
    assert "a parcel has left" in run(admin_browser, "cancel", ready).text
    last = ready.events.last()
    assert last and last.actor.startswith("user_")


def test_button_of_the_page(admin_browser: Client) -> None:
    order = order_in("confirmed")
    assert "orders_order_cancel_one" in admin_browser.get(page_of(order)).text
    admin_browser.post(page_of(order), form_of(order, orders_order_cancel_one="1"), follow=True)
    order.refresh_from_db()
    assert order.status == "cancelled"


def test_a_link_moves_nothing(admin_browser: Client) -> None:
    order = order_in("confirmed")
    for name in ("cancel_one", "orders_order_cancel_one", "ship_one"):
        admin_browser.get(f"{LIST}{order.pk}/{name}/")
        admin_browser.get(f"{page_of(order)}?{name}=1")
    order.refresh_from_db()
    assert order.status == "confirmed"


def test_saving_an_old_page_overwrites_no_payment(admin_browser: Client) -> None:
    """The money comes between the reading of the page's order and its saving."""
    order = place_order()
    has_paid: list[bool] = []

    def pay_after_reading(execute: Any, sql: str, *rest: Any) -> Any:
        result = execute(sql, *rest)
        if 'FROM "orders_order"' in sql and not has_paid:
            has_paid.append(True)
            operations.mark_paid(order, payment_reference="pay_1", now=timezone.now())
        return result

    with connection.execute_wrapper(pay_after_reading):
        answer = admin_browser.post(page_of(order), form_of(order))
    assert answer.status_code == 302 and has_paid
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("confirmed", "paid")


def test_tracking_is_corrected_with_an_event(admin_browser: Client) -> None:
    order = order_in("shipped")
    form = form_of(order, **{"shipments-0-tracking_number": "JD2", "shipments-0-carrier": "DHL"})
    for _ in range(2):
        admin_browser.post(page_of(order), form, follow=True)
    parcel = order.shipments.get()
    assert (parcel.tracking_number, parcel.carrier) == ("JD2", "DHL")
    assert order.events.filter(type="tracking").count() == 1


def test_who_may(client: Client) -> None:
    order = order_in("confirmed")
    client.force_login(StaffFactory.create(permissions=["orders.view_order"]))
    assert client.get(page_of(order)).status_code == 200
    run(client, "cancel", order)
    assert client.post(page_of(order), form_of(order, orders_order_cancel_one="1")).status_code == 403
    order.refresh_from_db()
    assert order.status == "confirmed"
    client.force_login(StaffFactory.create())
    assert client.get(page_of(order)).status_code == 403
