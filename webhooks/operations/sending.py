"""Sends what is due. One thread talks to the database; others wait for receivers, who may be slow or gone."""

import time
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.lookups import IsNull
from django.utils import timezone

from shop import remote
from shop.remote import Unreachable

from ..models import TEST, Delivery, Endpoint
from ..signing import SecretLost, headers
from .endpoints import disable

# Standard Webhooks' recommendation. After the last wait comes the tenth and last try, three days after the first.
# No jitter: to one endpoint one message is under way at a time, so that its return meets no herd.
WAITS = tuple(
    timedelta(**wait_)
    for wait_ in (
        {"seconds": 5}, {"minutes": 5}, {"minutes": 30}, {"hours": 2}, {"hours": 5}, {"hours": 10}, {"hours": 14},
        {"hours": 20}, {"hours": 24},
    )
)  # fmt: skip
MAX_ATTEMPTS = len(WAITS) + 1
GIVE_UP_AFTER = timedelta(days=5)
SECONDS = 10
MAX_ANSWER = 1024
GONE = 410

PARALLEL = 8
# Of these at most so many for endpoints that failed last: who times out never takes the place of who answers.
PARALLEL_FAILING = 4
# Longer than a request: what a killed worker was sending is sent again after this.
LEASE = timedelta(seconds=25)
RUN_SECONDS = 20
State = Delivery.State


@dataclass(frozen=True)
class Outcome:
    """Of one try. `error` is empty when the receiver took it."""

    error: str = ""
    status: int | None = None
    answer: str = ""
    latency_ms: int | None = None


def deliver(now: datetime) -> int:
    """Sends every due message, to each endpoint one at a time; returns how many were tried.

    Claims nothing more after `RUN_SECONDS`; the next run has the rest. Locks: an endpoint for the length of its claim,
    skipping those that others hold.
    """
    tried, started = 0, time.monotonic()
    under_way: dict[Future[Outcome], Delivery] = {}
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="webhook") as pool:
        while True:
            spent = time.monotonic() - started
            at = now + timedelta(seconds=spent)
            while spent < RUN_SECONDS and (delivery := _next(at, under_way.values())):
                under_way[pool.submit(_send, delivery, timezone.now())] = delivery
                tried += 1
            if not under_way:
                return tried
            # Wakes up in between for what has become due to other endpoints meanwhile.
            finished, _ = wait(under_way, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in finished:
                spent = time.monotonic() - started
                _record(under_way.pop(future), future.result(), now + timedelta(seconds=spent))


# --- Taking


def _next(now: datetime, under_way: Collection[Delivery]) -> Delivery | None:
    if len(under_way) >= PARALLEL:
        return None
    failing = sum(each.endpoint.failing_since is not None for each in under_way)
    return _claim(now, also_failing=failing < PARALLEL_FAILING)


@transaction.atomic
def _claim(now: datetime, *, also_failing: bool) -> Delivery | None:
    """The longest due message of an endpoint that nobody is sending to, those first that answered last."""
    due = Delivery.objects.due(now)
    free = Endpoint.objects.filter(Exists(due.filter(endpoint=OuterRef("pk"))), busy_until__lte=now)
    if not also_failing:
        free = free.filter(failing_since=None)
    endpoint = (
        free.order_by(IsNull(F("failing_since"), False), "busy_until")
        .select_for_update(skip_locked=True, no_key=True)
        .first()
    )
    delivery = due.filter(endpoint=endpoint).order_by("due_at", "id").first() if endpoint else None
    if endpoint is None or delivery is None:
        return None
    endpoint.busy_until = delivery.due_at = now + LEASE
    endpoint.save(update_fields=["busy_until"])
    delivery.attempts += 1
    delivery.save(update_fields=["attempts", "due_at"])
    delivery.endpoint = endpoint
    return delivery


# --- Sending, without the database


def _send(delivery: Delivery, at: datetime) -> Outcome:
    endpoint = delivery.endpoint
    resolve = remote.public_or_loopback if settings.SHOP_DEV_PAGES else remote.public_addresses
    started = time.monotonic()
    try:
        signed = headers(delivery.public_id, delivery.body, _secrets(endpoint, at), at=at)
        answer = remote.ask(
            endpoint.url,
            method="POST",
            body=delivery.body.encode(),
            headers={"Content-Type": "application/json", "User-Agent": "shop-webhooks", **signed},
            seconds=SECONDS,
            max_bytes=MAX_ANSWER,
            resolve=resolve,
        )
    except SecretLost:
        return Outcome(error="The endpoint's secret can't be read any more: give it a new one.")
    except Unreachable as error:
        return Outcome(error=error.reason, latency_ms=_since(started))
    # A NUL is text to Python and an error to PostgreSQL.
    text = answer.body[:MAX_ANSWER].decode(errors="replace").replace("\x00", "\ufffd")
    refusal = "" if 200 <= answer.status < 300 else f"Answered {answer.status}."
    return Outcome(error=refusal, status=answer.status, answer=text, latency_ms=_since(started))


def _secrets(endpoint: Endpoint, at: datetime) -> list[str]:
    overlaps = endpoint.previous_until is not None and at < endpoint.previous_until
    return [endpoint.sealed_secret, *([endpoint.sealed_previous_secret] if overlaps else [])]


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


# --- Writing down what came of it


@transaction.atomic
def _record(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    """Locks: the endpoint."""
    endpoint = Endpoint.objects.select_for_update(no_key=True).filter(pk=delivery.endpoint_id).first()
    if endpoint is None:
        return
    rows = Delivery.objects.filter(pk=delivery.pk)
    if outcome.error:
        # Leaves alone what was sent, replayed or taken by another run after this one's lease.
        rows = rows.filter(attempts=delivery.attempts, state=State.PENDING)
    rows.update(
        status=outcome.status,
        error=outcome.error,
        latency_ms=outcome.latency_ms,
        answer=outcome.answer,
        **(_to_be_tried_again(delivery, now) if outcome.error else {"state": State.SENT, "sent_at": now}),
    )
    endpoint.busy_until = now
    if not outcome.error:
        endpoint.failing_since = None
    elif delivery.topic != TEST:
        endpoint.failing_since = endpoint.failing_since or now
    endpoint.save(update_fields=["busy_until", "failing_since"])
    if endpoint.is_enabled and delivery.topic != TEST:
        _give_up(endpoint, outcome, now)


def _to_be_tried_again(delivery: Delivery, now: datetime) -> dict[str, Any]:
    if delivery.topic == TEST or delivery.attempts >= MAX_ATTEMPTS:
        return {"state": State.FAILED}
    return {"due_at": now + WAITS[delivery.attempts - 1]}


def _give_up(endpoint: Endpoint, outcome: Outcome, now: datetime) -> None:
    if outcome.status == GONE:
        disable(endpoint, reason="It answered 410 Gone.", now=now)
    elif endpoint.failing_since and now - endpoint.failing_since >= GIVE_UP_AFTER:
        disable(endpoint, reason=f"Nothing was taken for {GIVE_UP_AFTER.days} days. {outcome.error}", now=now)
