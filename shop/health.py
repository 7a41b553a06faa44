"""`/livez`: this process answers. `/readyz`: what it needs answers too. `/health`: the specification's word for it.

They name things and say yes or no: versions and errors' texts would help whoever wants in. Figures are for staff.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Model
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from redis.exceptions import RedisError

from .models import OutboxEvent
from .redis import client

HEARTBEAT = "worker:heartbeat"
HEARTBEAT_SECONDS = 60
_seen_migrated = False


def livez(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "alive"})


def readyz(request: HttpRequest) -> JsonResponse:
    """503 without the database or its tables. Redis and the worker are told of only.

    Without Redis the shop sells more slowly; without the worker mails and refunds wait. Taken from behind the load
    balancer for that, it would not sell at all.
    """
    database = _answers(_database)
    checks = {
        "database": database,
        "redis": _answers(client().ping),
        "migrations": database and _answers(_migrated),
        "worker": _answers(lambda: client().exists(HEARTBEAT)),
    }
    body: dict[str, Any] = {"ready": database and checks["migrations"], "checks": checks}
    if database and _may_see(request, OutboxEvent):
        body["outbox"] = _outbox()
    return JsonResponse(body, status=200 if body["ready"] else 503)


def health(request: HttpRequest, totals: Mapping[str, type[Model]]) -> JsonResponse:
    """`totals` names what is counted for staff who may see it. Everybody else learns whether the shop is there."""
    healthy = _answers(_database)
    body: dict[str, Any] = {"status": "healthy" if healthy else "unhealthy", "timestamp": timezone.now()}
    if healthy:
        seen = {name: model for name, model in totals.items() if _may_see(request, model)}
        body |= {name: model._default_manager.count() for name, model in seen.items()}
    return JsonResponse(body, status=200 if healthy else 503)


def note_heartbeat() -> None:
    """The worker's sign of life: a task that the clock sends and a worker runs, so it takes both to keep it alive."""
    client().set(HEARTBEAT, 1, ex=HEARTBEAT_SECONDS)


def _may_see(request: HttpRequest, model: type[Model]) -> bool:
    user = request.user
    return user.is_staff and user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}")


def _outbox() -> dict[str, int]:
    """How much waits and how much was given up."""
    counts = OutboxEvent.objects.exclude(state=OutboxEvent.State.DONE).values_list("state").annotate(Count("pk"))
    return {"pending": 0, "dead": 0} | dict(counts)


def _answers(probe: Callable[[], Any]) -> bool:
    try:
        return bool(probe())
    except (DatabaseError, RedisError):
        return False


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() == (1,)


def _migrated() -> bool:
    """Once true it stays so for the life of this code: a probe every few seconds must not read every migration file."""
    global _seen_migrated
    if not _seen_migrated:
        executor = MigrationExecutor(connection)
        _seen_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _seen_migrated
