import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.groups import make_groups
from accounts.tests.factories import StaffFactory
from inventory.models import StockItem, StockMovement, Warehouse

from .factories import allocate, counters, hold, release, stocked

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound", "item")]


@pytest.fixture
def packer() -> Client:
    """Somebody of the Warehouse group."""
    make_groups()
    staff = StaffFactory.create()
    staff.groups.add(Group.objects.get(name="Warehouse"))
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture
def outlet() -> Warehouse:
    return Warehouse.objects.create(code="outlet", name="Outlet", priority=200)


def page(item: StockItem) -> str:
    return reverse("admin:inventory_stockitem_change", args=[item.pk])


def form(client: Client, item: StockItem, name: str) -> dict[str, str]:
    """The hidden part of the form as it is shown."""
    answer = client.get(reverse("admin:inventory_stockitem_move", args=[item.pk, name]))
    assert answer.status_code == 200
    found = re.search(r'name="key" value="(\w+)"', answer.content.decode())
    assert found
    return {"key": found[1]}


def act(client: Client, item: StockItem, name: str, **given: Any) -> str:
    url = reverse("admin:inventory_stockitem_move", args=[item.pk, name])
    return client.post(url, form(client, item, name) | given, follow=True).content.decode()


def test_counting(packer: Client, item: StockItem) -> None:
    assert "MUG is counted" in act(packer, item, "count", counted=7, reason="shelf 3")
    assert counters() == (7, 0, 0, 7)
    movement = StockMovement.objects.latest("id")
    assert (movement.kind, movement.quantity, movement.reason) == ("adjustment", -3, "shelf 3")
    assert movement.actor.startswith("user_")


def test_receiving_sent_twice_counts_once(packer: Client, item: StockItem, outlet: Warehouse) -> None:
    url = reverse("admin:inventory_stockitem_move", args=[item.pk, "receive"])
    given = form(packer, item, "receive") | {"quantity": 5, "warehouse": outlet.pk, "reason": "LS-77"}
    for _ in range(2):
        assert packer.post(url, given).status_code == 302
    there = StockItem.objects.get(sku="MUG", warehouse=outlet)
    assert there.on_hand == 5
    assert StockMovement.objects.filter(reason="LS-77").count() == 1


def test_moving_what_is_free_and_no_more(packer: Client, item: StockItem, outlet: Warehouse) -> None:
    hold("bag:a", MUG=4)
    shown = act(packer, item, "transfer", quantity=7, target=outlet.pk)
    assert "6 of 10 are promised to nobody" in shown and "Only 6 of MUG are free to move." in shown
    assert "MUG was moved" in act(packer, item, "transfer", quantity=6, target=outlet.pk)
    assert {each.warehouse.code: each.on_hand for each in StockItem.objects.all()} == {"main": 4, "outlet": 6}


def test_with_one_warehouse_nothing_is_moved(packer: Client, item: StockItem) -> None:
    shown = packer.get(page(item)).content.decode()
    assert "Write off damaged" in shown and "Move to another warehouse" not in shown


def test_writing_off_says_why(packer: Client, item: StockItem) -> None:
    assert "This field is required" in act(packer, item, "write_off", quantity=2)
    assert "MUG was written off" in act(packer, item, "write_off", quantity=2, reason="fell down")
    assert counters() == (8, 0, 0, 8)
    assert StockMovement.objects.latest("id").kind == "damage"


def test_more_than_there_is_is_not_written_off(packer: Client, item: StockItem) -> None:
    shown = act(packer, item, "write_off", quantity=11, reason="flood")
    assert "can&#x27;t hold fewer than no units" in shown
    assert counters() == (10, 0, 0, 10)


def test_the_page_shows_promises_and_movements(packer: Client, item: StockItem) -> None:
    hold("cart:secret", MUG=1)
    allocate("bag:none", "order:order_x1", MUG=2)
    shown = packer.get(page(item)).content.decode()
    assert "/admin/orders/order/?q=order_x1" in shown
    assert "secret" not in shown
    assert "Receipt" in shown and "+10" in shown
    assert "missing" not in shown.split("What needs doing")[-1].split("Promised and still")[0]
    release("order:order_x1")
    assert "order_x1" not in packer.get(page(item)).content.decode()


def test_a_shortfall_names_the_orders_until_it_is_healed(packer: Client, item: StockItem) -> None:
    allocate("bag:none", "order:order_old", MUG=4)
    allocate("bag:none", "order:order_new", MUG=4)
    act(packer, item, "count", counted=5)
    shown = packer.get(page(item)).content.decode()
    assert "3 promised units are missing" in shown
    assert shown.index("order_new") < shown.index("order_old")
    listed = reverse("admin:inventory_stockitem_changelist") + "?needs=short"
    assert "MUG" in packer.get(listed).content.decode()
    act(packer, item, "receive", quantity=3, warehouse=item.warehouse_id)
    assert "are missing</h2>" not in packer.get(page(item)).content.decode()


def test_rules_are_changed_and_counters_are_not(packer: Client, item: StockItem) -> None:
    rules = {"safety_stock": 2, "backorder_limit": 3, "low_stock_threshold": 4, "on_hand": 999, "reserved": 999}
    assert packer.post(page(item), rules).status_code == 302
    item.refresh_from_db()
    assert (item.safety_stock, item.backorder_limit, item.low_stock_threshold) == (2, 3, 4)
    assert counters() == (10, 0, 0, 11)


def test_a_limit_that_the_database_cant_add_up(admin_browser: Client, item: StockItem) -> None:
    rules = {"safety_stock": 0, "backorder_limit": 2**31 - 1, "low_stock_threshold": 4}
    answer = admin_browser.post(page(item), rules)
    assert answer.status_code == 200 and "less than or equal to 1000000000" in answer.text


def test_who_only_looks_does_not_act(item: StockItem) -> None:
    viewer = Client()
    viewer.force_login(StaffFactory.create(permissions=["inventory.view_stockitem"]))
    assert "Write off" not in viewer.get(page(item)).content.decode()
    for name in ("count", "receive", "transfer", "write_off"):
        url = reverse("admin:inventory_stockitem_move", args=[item.pk, name])
        assert viewer.get(url).status_code == viewer.post(url, {"counted": 0}).status_code == 403
    assert counters() == (10, 0, 0, 10)


def test_an_unknown_form_or_article_is_missing(packer: Client, item: StockItem) -> None:
    for args in ([item.pk, "burn"], [0, "count"]):
        assert packer.get(reverse("admin:inventory_stockitem_move", args=args)).status_code in {302, 404}


def test_a_warehouse_is_added(packer: Client) -> None:
    added = packer.post(reverse("admin:inventory_warehouse_add"), {"name": "Outlet", "code": "outlet", "priority": 200})
    assert added.status_code == 302
    shown = packer.get(reverse("admin:inventory_warehouse_changelist")).content.decode()
    assert "Outlet" in shown and "Main" in shown


def test_the_lists_ask_as_often_however_long_they_are(
    packer: Client, outlet: Warehouse, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        stocked(f"CUP-{number}", 3)
        hold(f"bag:{number}", **{f"CUP-{number}": 1})
    for name in ("stockitem", "warehouse", "reservation", "stockmovement"):
        with django_assert_max_num_queries(12):
            packer.get(reverse(f"admin:inventory_{name}_changelist"))
