"""What staff with the permission read and send again through the API, and in the admin."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory, UserFactory
from webhooks import operations
from webhooks.models import Delivery, Endpoint

from .factories import make_delivery, make_endpoint
from .receiver import Receiver

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]
PERMISSIONS = ["webhooks.view_endpoint", "webhooks.view_delivery", "webhooks.change_delivery"]


@pytest.fixture
def staff() -> ApiClient:
    return ApiClient.of(StaffFactory.create(permissions=PERMISSIONS))


def data(response: Any) -> Any:
    assert response.status_code == 200, response.content
    return response.json()["data"]


def test_the_log_is_filtered_and_never_holds_a_secret(staff: ApiClient) -> None:
    endpoint, secret = make_endpoint()
    other, _ = make_endpoint("https://other.example.com/", "stock.low")
    failed = make_delivery(endpoint, state="failed", error="Answered 500.", status=500, answer="no")
    make_delivery(other)
    assert [each["endpointId"] for each in data(staff.get("/webhooks/endpoints"))] == [
        endpoint.public_id, other.public_id,
    ]  # fmt: skip
    assert secret not in staff.get("/webhooks/endpoints").text
    for query in ("state=failed", f"endpointId={endpoint.public_id}", "topic=order.paid&state=failed"):
        assert [each["deliveryId"] for each in data(staff.get(f"/webhooks/deliveries?{query}"))] == [failed.public_id]
    one = data(staff.get(f"/webhooks/deliveries/{failed.public_id}"))
    assert (one["status"], one["error"], one["answer"], one["nextTryAt"]) == (500, "Answered 500.", "no", None)
    assert staff.get("/webhooks/deliveries?state=odd").status_code == 400
    assert staff.get("/webhooks/deliveries/msg_none").status_code == 404


def test_the_log_is_read_in_as_many_queries_for_one_row_as_for_ten(staff: ApiClient) -> None:
    endpoint, _ = make_endpoint()
    counts = []
    for rows in (1, 9):
        for _ in range(rows):
            make_delivery(endpoint)
        staff.get("/webhooks/deliveries")
        with CaptureQueriesContext(connection) as found:
            staff.get("/webhooks/deliveries")
        counts.append(len(found))
    assert counts[0] == counts[1]


def test_replay_of_one_and_of_all_given_up_since(staff: ApiClient) -> None:
    endpoint, _ = make_endpoint()
    now = timezone.now()
    ages = [timedelta(hours=1), timedelta(hours=2), timedelta(days=3)]
    new, newer, old = [make_delivery(endpoint, state="failed", error="x", created_at=now - age) for age in ages]
    key = {"idempotency_key": "k1"}
    for _ in range(2):
        assert data(staff.post(f"/webhooks/deliveries/{new.public_id}/replay", **key)) == {"replayed": 1}
    body = {"since": (now - timedelta(days=1)).isoformat()}
    assert data(staff.post("/webhooks/replay", body)) == {"replayed": 1}
    assert set(Delivery.objects.filter(state="pending")) == {new, newer}
    old.refresh_from_db()
    assert old.state == "failed"
    assert staff.post("/webhooks/replay", {"since": "yesterday"}).status_code == 400
    assert staff.post("/webhooks/deliveries/msg_none/replay").status_code == 404


def test_who_may_not_is_refused() -> None:
    delivery = make_delivery(make_endpoint()[0])
    looker = ApiClient.of(StaffFactory.create(permissions=["webhooks.view_delivery"]))
    paths = ["/webhooks/endpoints", "/webhooks/deliveries", f"/webhooks/deliveries/{delivery.public_id}"]
    for client, status in ((ApiClient(), 401), (ApiClient.of(UserFactory.create()), 403)):
        assert {client.get(path).status_code for path in paths} == {status}
    assert looker.get(paths[1]).status_code == 200
    assert looker.get(paths[0]).status_code == 403
    assert looker.post(f"{paths[2]}/replay").status_code == 403


# --- The admin

ADMIN = "/admin/webhooks"


def test_staff_add_an_endpoint_see_its_secret_once_and_try_it(admin_browser: Client, receiver: Receiver) -> None:
    form = {"url": receiver.url, "description": "Books", "topics": ["order.paid", "order.refunded"]}
    page = admin_browser.post(f"{ADMIN}/endpoint/add/", form)
    endpoint = Endpoint.objects.get()
    assert page.status_code == 200 and "whsec_" in page.text, page.text[:2000]
    assert endpoint.topics == ["order.paid", "order.refunded"]
    change = f"{ADMIN}/endpoint/{endpoint.pk}/change/"
    assert "whsec_" not in admin_browser.get(change).text
    answer = admin_browser.post(f"{ADMIN}/endpoint/{endpoint.pk}/test/", follow=True)
    assert "on its way" in answer.text
    operations.deliver(timezone.now())
    assert len(receiver.received) == 1
    assert "Sent" in admin_browser.get(f"{ADMIN}/delivery/{Delivery.objects.get().pk}/change/").text


def test_staff_change_an_endpoint_and_make_a_new_secret(admin_browser: Client) -> None:
    endpoint, old = make_endpoint()
    busy = endpoint.busy_until
    url = f"{ADMIN}/endpoint/{endpoint.pk}"
    form = {"url": "https://new.example.com/", "description": "New", "topics": ["stock.low"], "is_enabled": ""}
    admin_browser.post(f"{url}/change/", form)
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.topics, endpoint.is_enabled) == ("https://new.example.com/", ["stock.low"], False)
    assert endpoint.busy_until == busy
    page = admin_browser.post(f"{url}/change/", form | {"url": "http://10.0.0.1/"})
    assert "Use https" in page.text
    assert "whsec_" not in admin_browser.get(f"{url}/secret/").text
    page = admin_browser.post(f"{url}/secret/")
    assert "whsec_" in page.text and old not in page.text
    endpoint.refresh_from_db()
    assert endpoint.previous_until


def test_staff_send_again_one_some_or_all_given_up(admin_browser: Client) -> None:
    endpoint, _ = make_endpoint()
    rows = [make_delivery(endpoint, state="failed", error="x", status=500) for _ in range(3)]
    assert admin_browser.get(f"{ADMIN}/delivery/").status_code == 200
    page = admin_browser.post(f"{ADMIN}/delivery/{rows[0].pk}/again/", follow=True)
    assert "1 message will be sent again" in page.text
    form = {"action": "send_again", "_selected_action": [str(rows[1].pk)]}
    assert "1 message will be sent again" in admin_browser.post(f"{ADMIN}/delivery/", form, follow=True).text
    assert admin_browser.get(f"{ADMIN}/delivery/replay/").status_code == 200
    day = timezone.now() - timedelta(days=1)
    form = {"endpoint": "", "since_0": f"{day:%Y-%m-%d}", "since_1": f"{day:%H:%M:%S}"}
    page = admin_browser.post(f"{ADMIN}/delivery/replay/", form, follow=True)
    assert "1 message will be sent again" in page.text
    assert not Delivery.objects.filter(state="failed").exists()


@pytest.fixture
def looker() -> Iterator[Client]:
    client = Client()
    client.force_login(StaffFactory.create(permissions=["webhooks.view_endpoint", "webhooks.view_delivery"]))
    yield client


def test_who_may_only_look_changes_nothing(looker: Client) -> None:
    endpoint, _ = make_endpoint()
    delivery = make_delivery(endpoint, state="failed", error="x", status=500)
    assert looker.get(f"{ADMIN}/endpoint/{endpoint.pk}/change/").status_code == 200
    assert looker.get(f"{ADMIN}/delivery/{delivery.pk}/change/").status_code == 200
    for path in ("endpoint/{0}/test/", "endpoint/{0}/secret/", "delivery/{1}/again/", "delivery/replay/"):
        assert looker.post(f"{ADMIN}/{path.format(endpoint.pk, delivery.pk)}").status_code == 403
    assert Delivery.objects.get().state == "failed"
