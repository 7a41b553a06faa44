from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from shop.ids import PublicIdField

TEST = "webhook.test"


class Endpoint(models.Model):
    """Somebody else's address that wants to hear of what happens here. Its secrets are sealed."""

    public_id = PublicIdField("whe")
    url = models.CharField("address", max_length=500, help_text="https://…, where messages are sent.")
    description = models.CharField(max_length=200, blank=True, help_text="Whose it is, for yourself.")
    topics = ArrayField(models.CharField(max_length=64), default=list)
    sealed_secret = models.TextField()
    sealed_previous_secret = models.TextField(blank=True)
    previous_until = models.DateTimeField(null=True, blank=True, help_text="Until then the old secret signs as well.")
    is_enabled = models.BooleanField("enabled", default=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    busy_until = models.DateTimeField(default=timezone.now, help_text="A worker is sending to it, until then at most.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        verbose_name = "webhook endpoint"

    def __str__(self) -> str:
        return self.description or self.url


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self, now: datetime) -> "DeliveryQuerySet":
        """What may be sent: a test also to an endpoint that is switched off, for that is when one tries it."""
        return self.filter(Q(endpoint__is_enabled=True) | Q(topic=TEST), state=Delivery.State.PENDING, due_at__lte=now)


class Delivery(models.Model):
    """One message to one endpoint: what is sent, the same bytes each time, and how the last try went."""

    class State(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        FAILED = "failed"

    public_id = PublicIdField("msg")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    event_key = models.CharField(max_length=200, help_text="The event's own key, so that it is told on once.")
    topic = models.CharField(max_length=64)
    subject = models.CharField(max_length=40, blank=True, db_index=True, help_text="The public id of what it is about.")
    body = models.TextField()
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField("next try", default=timezone.now)
    status = models.PositiveSmallIntegerField("answered", null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)
    latency_ms = models.PositiveIntegerField("milliseconds", null=True, blank=True)
    answer = models.CharField(max_length=1024, blank=True, help_text="The first kilobyte.")
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["endpoint", "event_key"], name="webhook_delivery_once")]
        indexes = [
            models.Index(fields=["endpoint", "due_at"], name="webhook_pending", condition=Q(state="pending")),
            models.Index(fields=["created_at"], name="webhook_delivery_age"),
        ]
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"

    def __str__(self) -> str:
        return f"{self.topic} {self.public_id}"
