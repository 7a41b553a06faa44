"""What the shop has to tell the world, written in the transaction that made it true and delivered at least once.

docs/operations/events.md lists every topic. One that nobody handles is kept as a record, done from the start.

`publish` inserts a row; a relay in the worker claims due rows with a lease and calls the handlers of their topic
outside any transaction. A handler may run twice (a worker can die between effect and mark), so each is idempotent.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from threading import Event, Thread
from typing import Any

from celery import current_app
from django.db import DatabaseError, connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError

from . import failpoints
from .batches import delete_in_batches
from .invariants import Invariant
from .models import OutboxEvent
from .redis import client
from .subscribers import handlers_of, observers_of

log = logging.getLogger(__name__)

# A killed worker's event is taken up this much later. Who lives and takes longer renews it,
LEASE = timedelta(seconds=20)
RENEWAL = timedelta(seconds=5)
# for five minutes: then a handler that never returns gives its event away.
MAX_RENEWALS = 60
RUN_SECONDS = 20
# With the back-off below this gives up after half a day: a mail server may well be away for an evening.
MAX_ATTEMPTS = 22
MONEY, NORMAL, LATER = 1, 5, 9
State = OutboxEvent.State

INVARIANT = Invariant(
    "E3",
    "while a worker runs, no event waits two minutes past its time",
    """
    SELECT topic, dedupe_key, priority, attempts, due_at FROM shop_outboxevent
    WHERE state = 'pending' AND due_at < now() - interval '120 seconds'
    """,
    "SELECT count(*) FROM shop_outboxevent WHERE state = 'pending'",
)


def publish(topic: str, *, key: str, payload: dict[str, Any], priority: int = NORMAL) -> None:
    """Records an event once for each `key`. Must run inside the transaction that it tells of."""
    if not connection.in_atomic_block:
        raise RuntimeError("publish() outside a transaction could tell of something that never happened")
    event = OutboxEvent(topic=topic, dedupe_key=key, payload=payload, priority=priority)
    is_handled = bool(handlers_of(topic) or observers_of(topic))
    if not is_handled:
        # A claim, a wake-up and an update for each click into a cart, with nothing to do, would hold up the mails.
        event.state, event.done_at = State.DONE, timezone.now()
    OutboxEvent.objects.bulk_create([event], ignore_conflicts=True)
    if is_handled and not any(call is poke for _, call, *_ in connection.run_on_commit):
        transaction.on_commit(poke, robust=True)


def poke() -> None:
    """Wakes the relay now. Without a broker the sweep finds the row within seconds."""
    failpoints.reach("outbox.before_poke")
    wake("shop.tasks.relay_outbox")


def wake(task: str) -> None:
    """Lets a sweep run now that comes by anyway."""
    if client().is_away():
        # A broker that is silent would keep the request waiting, after its work is done.
        return
    try:
        # A wake-up that waited this long is one too many: the sweep has come by, and the queue has other work.
        current_app.send_task(task, expires=10)
    except OperationalError:
        client().note_away()
        log.warning("broker away: %s waits for its time", task)


def relay(now: datetime) -> int:
    """Delivers every due event, most urgent first; returns how many were handled.

    It stops after `RUN_SECONDS` and leaves the rest to the next sweep: with a mail server that never answers, relays
    without end would keep every thread of the worker from holds and payments.
    A failure is kept on the row and tried again with exponential back-off; after `MAX_ATTEMPTS` the row is dead and
    waits for staff. Locks: one outbox row for the length of its claim.
    """
    handled, started = 0, time.monotonic()
    # Each lease counts from its claim: counted from the start of a long run it would be over before its handlers are,
    # and a second relay would run them at the same time.
    while (spent := time.monotonic() - started) < RUN_SECONDS and (event := _claim(now + timedelta(seconds=spent))):
        failpoints.reach("outbox.claimed")
        with _held(event):
            error = _deliver(event)
        if error is None:
            failpoints.reach("outbox.handled")
            OutboxEvent.objects.filter(pk=event.pk).update(state=State.DONE, done_at=timezone.now())
            handled += 1
        else:
            _postpone(event, error)
    return handled


def _deliver(event: OutboxEvent) -> Exception | None:
    """Lets everybody act who has to, and answers the first failure.

    Handlers act in their order, one after the success of the other: the mail leads to the invoice that comes before it.
    Observers wait for nobody: with the mail server away, a webhook would wait for the mail.
    """
    chains: list[list[Callable[[], None]]] = [[partial(handle, event.payload) for handle in handlers_of(event.topic)]]
    chains += [[partial(observe, event)] for observe in observers_of(event.topic)]
    failure: Exception | None = None
    for chain in chains:
        try:
            for act in chain:
                act()
        except Exception as error:
            log.exception("outbox event %s (%s) failed, attempt %s", event.pk, event.topic, event.attempts)
            failure = failure or error
    return failure


@contextmanager
def _held(event: OutboxEvent) -> Iterator[None]:
    """Renews the event's lease while its handlers run, for as long as a handler may well take.

    A lease that outlasts every handler would keep a killed worker's events for minutes.
    """
    over = Event()
    keeper = Thread(target=_renew, args=(event, over), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        # A renewal under way must not overwrite when the event is to be tried again.
        keeper.join()


def _renew(event: OutboxEvent, over: Event) -> None:
    held = OutboxEvent.objects.filter(pk=event.pk, attempts=event.attempts, state=State.PENDING)
    try:
        for _ in range(MAX_RENEWALS):
            if over.wait(RENEWAL.total_seconds()):
                return
            try:
                held.update(due_at=F("due_at") + RENEWAL)
            except DatabaseError:
                log.warning("outbox event %s: its lease could not be renewed", event.pk)
    finally:
        connection.close()


def revive(dead: QuerySet[OutboxEvent], *, now: datetime) -> int:
    """Lets events that were given up be tried anew, from the first attempt; returns how many were dead."""
    with transaction.atomic():
        revived = dead.filter(state=State.DEAD).update(state=State.PENDING, attempts=0, due_at=now)
        if revived:
            transaction.on_commit(poke, robust=True)
    return revived


def forget(before: datetime) -> int:
    """Deletes what was done before then; returns how many. What is dead waits for staff, however old."""
    return delete_in_batches(OutboxEvent.objects.filter(state=State.DONE, done_at__lt=before).order_by("done_at"))


def _claim(now: datetime) -> OutboxEvent | None:
    with transaction.atomic():
        event = OutboxEvent.objects.due(now).select_for_update(skip_locked=True).first()
        if event:
            event.attempts += 1
            event.due_at = now + LEASE
            event.save(update_fields=["attempts", "due_at"])
    return event


def _postpone(event: OutboxEvent, error: Exception) -> None:
    """Leaves alone what another relay has meanwhile done or taken: this one's lease may have run out."""
    claimed_at = event.due_at - LEASE
    OutboxEvent.objects.filter(pk=event.pk, state=State.PENDING, attempts=event.attempts).update(
        last_error=type(error).__name__,
        due_at=claimed_at + timedelta(seconds=min(2 ** min(event.attempts, 12), 3600)),
        state=State.DEAD if event.attempts >= MAX_ATTEMPTS else State.PENDING,
    )
