"""What reaches a real receiver over HTTP, when it is tried again, and what happens when nobody answers."""

import json
import time
from datetime import timedelta
from threading import Thread

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone
from standardwebhooks import WebhookVerificationError

from notifications.handlers import TOPICS as MAILS
from shop.models import OutboxEvent
from webhooks import operations
from webhooks.models import Delivery
from webhooks.operations import sending
from webhooks.operations.sending import WAITS

from .factories import make_delivery, make_endpoint
from .receiver import Receiver, receiving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]
# Later than whatever the tests make.
NOW = timezone.now() + timedelta(hours=1)
MILLISECOND = timedelta(milliseconds=1)


def test_a_message_is_signed_by_the_standard_and_logged(receiver: Receiver) -> None:
    receiver.statuses, receiver.answer = [200], b"thank \x00 you" + b"!" * 2000
    endpoint, secret = make_endpoint(receiver.url)
    delivery = make_delivery(endpoint)
    assert operations.deliver(timezone.now()) == 1
    (received,) = receiver.received
    assert received.verified(secret) == json.loads(delivery.body)
    assert received.headers["webhook-id"] == delivery.public_id
    assert received.headers["content-type"] == "application/json"
    assert received.path == "/hooks?shop=1"
    delivery.refresh_from_db()
    assert (delivery.state, delivery.status, delivery.attempts, delivery.error) == ("sent", 200, 1, "")
    assert delivery.answer.startswith("thank \ufffd you!!") and len(delivery.answer) == 1024
    assert delivery.latency_ms is not None and delivery.sent_at
    assert operations.deliver(timezone.now()) == 0


def test_whoever_has_another_secret_does_not_believe_it(receiver: Receiver) -> None:
    endpoint, secret = make_endpoint(receiver.url)
    _, another = make_endpoint()
    make_delivery(endpoint)
    operations.deliver(timezone.now())
    (received,) = receiver.received
    with pytest.raises(WebhookVerificationError):
        received.verified(another)
    received.body = received.body.replace(b"order_1", b"order_2")
    with pytest.raises(WebhookVerificationError):
        received.verified(secret)


def test_for_a_day_both_secrets_sign_and_then_the_new_one_alone(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, old = make_endpoint(receiver.url)
    new = operations.rotate_secret(endpoint, now=timezone.now())
    assert new != old and old not in endpoint.sealed_secret
    make_delivery(endpoint)
    operations.deliver(timezone.now())
    for secret in (old, new):
        assert receiver.received[-1].verified(secret)
    endpoint.refresh_from_db()
    endpoint.previous_until = timezone.now()
    endpoint.save()
    make_delivery(endpoint)
    operations.deliver(timezone.now())
    assert receiver.received[-1].verified(new)
    with pytest.raises(WebhookVerificationError):
        receiver.received[-1].verified(old)


def test_a_failure_is_tried_again_as_the_standard_recommends_with_the_same_id_and_bytes(receiver: Receiver) -> None:
    receiver.statuses, receiver.answer = [500], b"out of order"
    endpoint, _ = make_endpoint(receiver.url)
    delivery = make_delivery(endpoint, due_at=NOW)
    now, waits = NOW, []
    while delivery.state == "pending":
        before = now
        operations.deliver(now)
        delivery.refresh_from_db()
        now = delivery.due_at + MILLISECOND
        waits.append(now - before)
    assert (delivery.state, delivery.attempts, delivery.status) == ("failed", 10, 500)
    assert (delivery.error, delivery.answer) == ("Answered 500.", "out of order")
    told = [timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30)]
    told += [timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)]
    assert [wait >= due and wait < due + timedelta(seconds=5) for wait, due in zip(waits, told, strict=False)] == [
        True
    ] * 9
    assert tuple(told) == WAITS
    assert len({(each.headers["webhook-id"], each.body) for each in receiver.received}) == 1
    assert len(receiver.received) == 10
    endpoint.refresh_from_db()
    assert endpoint.is_enabled and endpoint.failing_since


def test_a_success_ends_the_failing(receiver: Receiver) -> None:
    receiver.statuses = [503, 204]
    endpoint, _ = make_endpoint(receiver.url)
    delivery = make_delivery(endpoint)
    operations.deliver(timezone.now())
    endpoint.refresh_from_db()
    assert endpoint.failing_since
    operations.deliver(timezone.now() + WAITS[0] + timedelta(seconds=1))
    endpoint.refresh_from_db()
    delivery.refresh_from_db()
    assert endpoint.failing_since is None
    assert (delivery.state, delivery.attempts) == ("sent", 2)


def test_a_redirect_is_a_failure_and_is_not_followed(receiver: Receiver) -> None:
    with receiving() as inside:
        receiver.statuses, receiver.location = [302], inside.url
        endpoint, _ = make_endpoint(receiver.url)
        delivery = make_delivery(endpoint)
        operations.deliver(timezone.now())
        assert inside.received == []
    delivery.refresh_from_db()
    assert delivery.error == "Answered 302."


def test_a_name_that_leads_inside_is_not_asked(receiver: Receiver, settings: object) -> None:
    """The address was fine when it was entered; what its name means is checked with every try."""
    settings.SHOP_DEV_PAGES = False  # type: ignore[attr-defined]
    endpoint, _ = make_endpoint()
    endpoint.url = f"https://localhost:{receiver.port}/"
    endpoint.save()
    delivery = make_delivery(endpoint)
    operations.deliver(timezone.now())
    delivery.refresh_from_db()
    assert (delivery.error, receiver.received) == ("The address is not a public one.", [])


def test_one_that_never_answers_holds_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """More endpoints that time out than there are places, each with a backlog, and one that answers at once."""
    monkeypatch.setattr(sending, "SECONDS", 6)
    monkeypatch.setattr(sending, "RUN_SECONDS", 6)
    with receiving() as slow, receiving() as quick:
        slow.delay = 8
        for _ in range(10):
            endpoint, _ = make_endpoint(slow.url)
            make_delivery(endpoint)
            make_delivery(endpoint)
            endpoint.failing_since = NOW
            endpoint.save()
        worker = Thread(target=run)
        worker.start()
        time.sleep(0.5)
        healthy, _ = make_endpoint(quick.url)
        begun = time.monotonic()
        deliveries = [make_delivery(healthy) for _ in range(20)]
        while len(quick.received) < 20 and time.monotonic() - begun < 10:
            time.sleep(0.05)
        took = time.monotonic() - begun
        worker.join()
    assert len(quick.received) == 20 and took < 5.5, "before even one of the slow ones was given up"
    assert Delivery.objects.filter(pk__in=[each.pk for each in deliveries], state="sent").count() == 20
    tried = Delivery.objects.filter(endpoint__url=slow.url, attempts__gt=0)
    assert set(tried.values_list("error", flat=True)) == {"The host is too slow."}


def run() -> None:
    operations.deliver(timezone.now())
    connection.close()


def test_two_workers_send_each_message_once(receiver: Receiver) -> None:
    receiver.delay = 0.02
    endpoints = [make_endpoint(receiver.url)[0] for _ in range(3)]
    sent = [make_delivery(endpoint).public_id for endpoint in endpoints for _ in range(10)]
    workers = [Thread(target=run) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    run()
    assert sorted(each.headers["webhook-id"] for each in receiver.received) == sorted(sent)


def test_what_a_killed_worker_was_sending_is_sent_again_after_its_lease(receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(receiver.url)
    delivery = make_delivery(endpoint, due_at=NOW)
    endpoint.busy_until = NOW
    endpoint.save()
    assert sending._claim(NOW, also_failing=True) == delivery
    assert operations.deliver(NOW + sending.LEASE - timedelta(seconds=1)) == 0
    assert operations.deliver(NOW + sending.LEASE) == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("sent", 2)


def test_a_late_failure_does_not_undo_what_another_worker_sent(receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(receiver.url)
    make_delivery(endpoint)
    stalled = sending._claim(timezone.now(), also_failing=True)
    assert stalled
    operations.deliver(timezone.now() + sending.LEASE)
    sending._record(stalled, sending.Outcome(error="The host is too slow."), timezone.now())
    stalled.refresh_from_db()
    assert (stalled.state, stalled.error) == ("sent", "")


def test_after_five_days_without_a_success_it_is_switched_off_and_staff_get_a_mail(receiver: Receiver) -> None:
    receiver.statuses = [500]
    endpoint, _ = make_endpoint(receiver.url)
    last, waiting = make_delivery(endpoint, due_at=NOW), make_delivery(endpoint, due_at=NOW + timedelta(days=9))
    endpoint.failing_since = NOW - timedelta(days=5)
    endpoint.save()
    operations.deliver(NOW)
    for row in (endpoint, last, waiting):
        row.refresh_from_db()
    assert not endpoint.is_enabled
    assert endpoint.disabled_reason == "Nothing was taken for 5 days. Answered 500."
    assert (last.state, waiting.state, waiting.error) == ("failed", "failed", "The endpoint was switched off.")
    for event in list(OutboxEvent.objects.filter(topic="webhook.disabled")) * 2:
        MAILS["webhook.disabled"](event.payload)
    (message,) = mail.outbox
    assert receiver.url in message.body and "Answered 500." in message.body


def test_who_says_gone_is_switched_off_at_once(receiver: Receiver) -> None:
    receiver.statuses = [410]
    endpoint, _ = make_endpoint(receiver.url)
    make_delivery(endpoint)
    operations.deliver(timezone.now())
    endpoint.refresh_from_db()
    assert (endpoint.is_enabled, endpoint.disabled_reason) == (False, "It answered 410 Gone.")


def test_a_test_event_goes_to_one_that_is_switched_off_and_is_tried_once(receiver: Receiver) -> None:
    receiver.statuses = [500]
    endpoint, secret = make_endpoint(receiver.url)
    endpoint.is_enabled = False
    endpoint.save()
    delivery = operations.send_test(endpoint, now=timezone.now())
    assert operations.deliver(timezone.now()) == 1
    delivery.refresh_from_db()
    assert receiver.received[0].verified(secret)["type"] == "webhook.test"
    assert (delivery.state, delivery.error) == ("failed", "Answered 500.")


def test_replay_sends_the_same_message_again(receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(receiver.url)
    delivery = make_delivery(endpoint)
    operations.deliver(timezone.now())
    assert operations.replay(Delivery.objects.all(), now=timezone.now()) == 1
    assert operations.replay(Delivery.objects.all(), now=timezone.now()) == 0, "it waits already"
    operations.deliver(timezone.now())
    first, second = receiver.received
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("sent", 1)


def test_a_secret_that_was_lost_with_its_key_is_told_of(receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(receiver.url)
    endpoint.sealed_secret = "sealed by another key"
    endpoint.save()
    delivery = make_delivery(endpoint)
    operations.deliver(timezone.now())
    delivery.refresh_from_db()
    assert delivery.error == "The endpoint's secret can't be read any more: give it a new one."
    assert receiver.received == []


def test_old_deliveries_are_forgotten_but_those_that_wait() -> None:
    endpoint, _ = make_endpoint()
    old = timezone.now() - timedelta(days=31)
    for state in ("sent", "failed", "pending"):
        values = {"status": 200, "sent_at": old} if state == "sent" else {"error": "x"} if state == "failed" else {}
        make_delivery(endpoint, state=state, created_at=old, **values)
    make_delivery(endpoint)
    assert operations.forget(before=timezone.now() - timedelta(days=30)) == 2
    assert set(Delivery.objects.values_list("state", flat=True)) == {"pending"}
