"""`/livez`: this process answers. `/readyz`: what it needs answers too. `/health`: the specification's word for it."""

from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from redis.exceptions import RedisError

from .redis import client

_seen_migrated = False


def livez(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "alive"})


def readyz(request: HttpRequest) -> JsonResponse:
    database = _answers(_database)
    checks = {"database": database, "redis": _answers(client().ping), "migrations": database and _answers(_migrated)}
    # Without Redis the shop still sells, more slowly: it is reported, and keeps its place behind the load balancer.
    ready = checks["database"] and checks["migrations"]
    return JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)


def health(request: HttpRequest) -> JsonResponse:
    healthy = _answers(_database)
    body: dict[str, Any] = {"status": "healthy" if healthy else "unhealthy", "timestamp": timezone.now()}
    return JsonResponse(body, status=200 if healthy else 503)


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
