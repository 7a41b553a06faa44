"""Mails and webhooks by a real worker, to real servers: each once, whatever is killed or forgotten."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import transaction

from accounts.models import User
from accounts.tests.factories import UserFactory
from notifications.operations import message_id
from shop import outbox
from shop.models import OutboxEvent
from shop.redis import client
from tests.stack import eventually
from webhooks.models import Delivery
from webhooks.operations import create_endpoint
from webhooks.tests.receiver import Receiver, receiving

from .mail_server import Handler, mail_server
from .worker import Worker, working

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
# On a machine that others keep busy as well.
START_SECONDS = 240


@pytest.fixture(autouse=True)
def _same_key(settings: object) -> None:
    """What the test seals, the worker opens."""
    settings.SECRET_KEY = "x" * 50  # type: ignore[attr-defined]
    # The receiver of these tests is on this machine.
    settings.SHOP_DEV_PAGES = True  # type: ignore[attr-defined]


@pytest.fixture
def mails() -> Iterator[Handler]:
    with mail_server() as (handler, port):
        handler.port = port  # type: ignore[attr-defined]
        yield handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        create_endpoint(url=receiver.url, topics=["user.created"])
        yield receiver


@pytest.fixture
def worker(mails: Handler, receiver: Receiver, tmp_path: Path) -> Iterator[Worker]:
    client().flushdb()
    url = f"smtp://127.0.0.1:{mails.port}"  # type: ignore[attr-defined]
    with working(tmp_path, EMAIL_URL=url, SHOP_DEV_PAGES="1") as worker:
        eventually(lambda: client().exists("worker:heartbeat"), seconds=START_SECONDS, what="the worker")
        yield worker


def tell_of(count: int) -> list[str]:
    """Makes so many people and answers the Message-IDs of the mails that welcome them, in one transaction."""
    people: list[User] = UserFactory.create_batch(count)
    with transaction.atomic():
        for person in people:
            outbox.publish(
                "user.created", key=f"user.created:{person.public_id}", payload={"user_id": person.public_id}
            )
    return [message_id(f"welcome:{person.public_id}") for person in people]


def waiting() -> int:
    return OutboxEvent.objects.filter(state="pending").count()


def all_arrived(mails: Handler, receiver: Receiver, expected: list[str]) -> bool:
    return len(mails.accepted) >= len(expected) and len(receiver.received) >= len(expected) and not waiting()


def assert_each_once(mails: Handler, receiver: Receiver, expected: list[str]) -> None:
    """Also a while later: a second worker, or a second try, would have sent by then."""
    time.sleep(3)
    assert mails.times == dict.fromkeys(expected, 1)
    told = [each.headers["webhook-id"] for each in receiver.received]
    assert sorted(told) == sorted(Delivery.objects.values_list("public_id", flat=True))
    assert len(told) == len(expected)
    assert not OutboxEvent.objects.exclude(state="done").exists()


def test_a_broker_that_forgets_everything_delays_and_loses_nothing(
    worker: Worker, mails: Handler, receiver: Receiver
) -> None:
    """F4: the broker is emptied while a hundred events wait. PostgreSQL knows them; the sweep finds them."""
    mails.delay = 0.02
    expected = tell_of(100)
    eventually(lambda: len(mails.accepted) >= 5, seconds=30, what="the first mails")
    pending = waiting()
    client().flushdb()
    assert pending > 50, "the fault struck while most of them were waiting"
    begun = time.monotonic()
    eventually(lambda: all_arrived(mails, receiver, expected), seconds=60, what=f"the rest: {worker.log()}")
    took = time.monotonic() - begun
    assert took < 30, took
    assert_each_once(mails, receiver, expected)


def test_a_mail_server_that_is_away_for_a_while_gets_each_mail_once(
    worker: Worker, mails: Handler, receiver: Receiver
) -> None:
    """F25; webhooks meanwhile wait for no mail."""
    mails.is_away = True
    expected = tell_of(20)
    eventually(lambda: mails.refused >= 25, seconds=60, what="a second try of some")
    eventually(lambda: len(receiver.received) == 20, seconds=30, what="the webhooks, while the mails wait")
    assert mails.accepted == []
    mails.is_away = False
    eventually(lambda: all_arrived(mails, receiver, expected), seconds=60, what=f"the mails: {worker.log()}")
    assert_each_once(mails, receiver, expected)


def test_a_worker_killed_in_the_middle_of_a_task_loses_and_repeats_nothing(
    worker: Worker, mails: Handler, receiver: Receiver
) -> None:
    """F2: it dies with a mail half said, and with more waiting behind it."""
    mails.hold = True
    expected = tell_of(20)
    assert mails.held.wait(30), "a mail was under way"
    worker.kill()
    mails.hold = False
    assert mails.accepted == [] and waiting() == 20
    begun = time.monotonic()
    worker.start()
    eventually(lambda: all_arrived(mails, receiver, expected), seconds=90, what=f"the next worker: {worker.log()}")
    took = time.monotonic() - begun
    assert took < 60, took
    assert OutboxEvent.objects.filter(attempts__gt=1).exists(), "what the killed one held was taken up"
    assert_each_once(mails, receiver, expected)
