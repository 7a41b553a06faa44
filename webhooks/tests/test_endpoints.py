"""Which addresses are taken, what switching off and on does, and what is told of events."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.tests.factories import UserFactory
from checkout.tests.factories import make_variant, order_in
from orders import operations as orders
from orders.operations import ReturnItem
from reviews.tests.factories import review_of
from shop import outbox, privacy
from shop.models import OutboxEvent
from tests.events import DOCS, table
from webhooks import operations
from webhooks.errors import UnusableAddress
from webhooks.models import Delivery
from webhooks.topics import TOPICS

from .factories import make_delivery, make_endpoint, tell

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]

REFUSED = ["", "hooks.example.com", "ftp://example.com/", "javascript:alert(1)", "http://example.com/", "https://",
           "https://u:p@example.com/", "https://10.0.0.1/", "https://169.254.169.254/latest", "https://[::1]/",
           "https://[::ffff:10.0.0.1]/", "https://100.64.0.1/", "https://224.0.0.1/", "https://example.com/#part",
           "https://example.com/a b", "https://localhost/", "https://127.0.0.1:8000/",
           "https://example.com:99999/"]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_inside_or_without_tls_is_refused(url: str, settings: Any) -> None:
    settings.SHOP_DEV_PAGES = False
    with pytest.raises(UnusableAddress):
        make_endpoint(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/hook", "http://localhost/", "http://[::1]:1/"])
def test_a_development_shop_may_send_to_its_own_machine(url: str, settings: Any) -> None:
    make_endpoint(url)
    settings.SHOP_DEV_PAGES = False
    with pytest.raises(UnusableAddress):
        operations.check_address(url)


def test_what_waits_is_given_up_with_its_endpoint_and_comes_back_by_replay_alone() -> None:
    endpoint, _ = make_endpoint()
    delivery = make_delivery(endpoint)
    given: dict[str, Any] = {"url": endpoint.url, "topics": endpoint.topics, "description": "", "now": timezone.now()}
    operations.save_endpoint(endpoint, is_enabled=False, **given)
    tell("user.created", {"user_id": UserFactory.create().public_id})
    assert [each.state for each in Delivery.objects.all()] == ["failed"], "nothing new is written either"
    assert operations.replay(Delivery.objects.all(), now=timezone.now()) == 0
    operations.save_endpoint(endpoint, is_enabled=True, **given)
    delivery.refresh_from_db()
    assert delivery.state == "failed"
    assert operations.replay(Delivery.objects.all(), now=timezone.now()) == 1


# --- What is told


def payloads() -> dict[str, dict[str, Any]]:
    order = order_in("delivered")
    variant = make_variant()
    review = review_of(variant.product)
    about_order = {"order_id": order.public_id}
    items = [ReturnItem(order.lines.get().public_id, 1, "other")]
    returned = orders.request_return(order, items, actor="staff", now=timezone.now())
    about_return = {"return_id": returned.public_id}
    return {
        **dict.fromkeys([topic for topic in TOPICS if topic.startswith("order.")], about_order),
        **dict.fromkeys([topic for topic in TOPICS if topic.startswith("return.")], about_return),
        "invoice.issued": about_order | {"invoice_id": "inv_1"},
        "payment.failed": about_order,
        "product.created": {"product_id": variant.product.pk},
        "stock.low": {"skus": [variant.sku]},
        "review.published": {"review_id": review.public_id},
        "user.created": {"user_id": UserFactory.create().public_id},
    }


def test_every_topic_composes_its_schema_from_what_the_event_carries() -> None:
    known = payloads()
    for name, topic in TOPICS.items():
        if name != "order.refunded":
            _, data = topic.compose(known[name])
            assert type(data) is topic.schema, name
    assert {topic.compose(known[name])[0] for name, topic in TOPICS.items() if name.startswith("return.")} == {
        known["order.placed"]["order_id"]
    }, "what a return says is forgotten with its order"


def test_an_event_is_told_once_to_each_subscriber_as_the_api_answers_it() -> None:
    first, _ = make_endpoint("https://one.example.com/")
    second, _ = make_endpoint("https://two.example.com/", "order.delivered", "stock.low")
    make_endpoint("https://three.example.com/", "stock.low")
    order = order_in("delivered")
    outbox.relay(timezone.now() + timedelta(seconds=1))
    OutboxEvent.objects.update(state="pending", due_at=timezone.now())
    outbox.relay(timezone.now() + timedelta(seconds=1))
    told = Delivery.objects.filter(topic="order.delivered")
    assert {each.endpoint for each in told} == {first, second} and told.count() == 2
    assert set(Delivery.objects.filter(endpoint=first).values_list("topic", flat=True)) >= {
        "order.placed", "order.confirmed", "order.delivered",
    }  # fmt: skip
    body = told[0].body
    assert f'"orderId":"{order.public_id}"' in body and '"type":"order.delivered"' in body
    assert "accessToken" not in body and order.access_token not in body


def test_the_topics_offered_are_the_documented_ones_and_are_published() -> None:
    rows = [cells for cells in table(DOCS / "webhooks.md") if len(cells) == 3 and cells[0].strip("`") in TOPICS]
    assert {cells[0].strip("`"): cells[1] for cells in rows} == {name: each.says for name, each in TOPICS.items()}
    assert {cells[0].strip("`"): cells[2].strip("`") for cells in rows} == {
        name: each.schema.__name__.removesuffix("Answer") for name, each in TOPICS.items()
    }


def test_what_is_gone_by_then_is_not_told() -> None:
    make_endpoint()
    tell("review.published", {"review_id": "rev_gone", "product_id": "p", "rating": 5})
    assert not Delivery.objects.exists()
    assert OutboxEvent.objects.get().state == "done"


# --- People


def test_a_copy_names_who_was_told_and_an_erasure_forgets_what() -> None:
    make_endpoint("https://crm.example.com/in")
    carla, dora = UserFactory.create(), UserFactory.create()
    for person in (carla, dora):
        tell("user.created", {"user_id": person.public_id})
    part = next(each for each in privacy.parts() if each.name == "webhooks")
    assert part.export(carla) == [{"topic": "user.created", "receiver": "crm.example.com", "sentAt": None}]
    part.erase(carla, timezone.now())
    assert [each.subject for each in Delivery.objects.all()] == [dora.public_id]
