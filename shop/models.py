from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone


class OutboxQuerySet(models.QuerySet["OutboxEvent"]):
    def due(self, now: datetime) -> Self:
        return self.filter(state=OutboxEvent.State.PENDING, due_at__lte=now).order_by("priority", "id")


class OutboxEvent(models.Model):
    class State(models.TextChoices):
        PENDING = "pending"
        DONE = "done"
        DEAD = "dead"

    topic = models.CharField(max_length=64)
    dedupe_key = models.CharField(max_length=200, unique=True)
    payload = models.JSONField(default=dict)
    priority = models.PositiveSmallIntegerField(default=5)
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)
    due_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["priority", "id"], name="outbox_pending", condition=Q(state="pending")),
            models.Index(fields=["done_at"], name="outbox_done", condition=Q(state="done")),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.dedupe_key}"


class IdempotencyKey(models.Model):
    """A request that creates or pays, and its answer. `status` is null while the first attempt is under way."""

    principal = models.CharField(max_length=80)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.BinaryField(null=True)
    lease_until = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["principal", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.principal} {self.key}"
