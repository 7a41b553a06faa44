from typing import Any

import pytest

from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory
from inventory.models import StockItem, StockMovement

from .factories import counters, hold

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound", "item")]
RIGHTS = ["inventory.view_stockitem", "inventory.change_stockitem"]


@pytest.fixture
def staff() -> ApiClient:
    return ApiClient.of(StaffFactory.create(permissions=RIGHTS))


def test_it_has_the_specifications_fields(staff: ApiClient) -> None:
    hold("bag:a", MUG=3)
    data = staff.get("/inventory/MUG").json()["data"]
    assert data.pop("lastUpdated").endswith("Z")
    assert data == {"sku": "MUG", "quantity": 10, "reserved": 3, "available": 7, "lowStockThreshold": 0}


def test_a_count_leaves_a_movement_with_its_actor(staff: ApiClient) -> None:
    data = staff.put("/inventory/MUG", {"quantity": 7, "lowStockThreshold": 5}).json()["data"]
    assert (data["quantity"], data["available"], data["lowStockThreshold"]) == (7, 7, 5)
    movement = StockMovement.objects.latest("id")
    assert (movement.kind, movement.quantity, movement.reason) == ("adjustment", -3, "stock-take")
    assert movement.actor.startswith("user_")


def test_fewer_than_are_promised_block_the_sale(staff: ApiClient) -> None:
    hold("bag:a", MUG=3)
    assert staff.put("/inventory/MUG", {"quantity": 1}).json()["data"]["available"] == 0
    assert counters() == (1, 3, 2, 0)


def test_what_is_left_out_stays(staff: ApiClient, item: StockItem) -> None:
    staff.put("/inventory/MUG", {"lowStockThreshold": 4})
    assert counters() == (10, 0, 0, 10)
    staff.put("/inventory/MUG", {"quantity": 12})
    item.refresh_from_db()
    assert item.low_stock_threshold == 4


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"quantity": -1},
        {"quantity": 1.5},
        {"quantity": "2"},
        {"quantity": True},
        {"quantity": 10**10},
        {"reserved": 1},
    ],
)
def test_anything_else_is_refused(staff: ApiClient, body: dict[str, Any]) -> None:
    assert staff.put("/inventory/MUG", body).status_code == 400
    assert counters() == (10, 0, 0, 10)


def test_an_unknown_sku_is_not_found(staff: ApiClient) -> None:
    assert staff.get("/inventory/NONE").status_code == 404
    assert staff.put("/inventory/NONE", {"quantity": 1}).status_code == 404
    assert not StockItem.objects.filter(sku="NONE").exists()


def test_it_is_for_staff_with_the_permission(api: ApiClient, customer_api: ApiClient) -> None:
    viewer = ApiClient.of(StaffFactory.create(permissions=["inventory.view_stockitem"]))
    for caller, read, write in ((api, 401, 401), (customer_api, 403, 403), (viewer, 200, 403)):
        assert caller.get("/inventory/MUG").status_code == read
        assert caller.put("/inventory/MUG", {"quantity": 1}).status_code == write
        assert caller.get("/inventory/NONE").status_code == (404 if read == 200 else read)
