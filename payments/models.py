from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from orders.models import Order
from shop.ids import PublicIdField


class PaymentQuerySet(models.QuerySet["Payment"]):
    def unsettled(self) -> Self:
        return self.filter(
            status__in=[Payment.Status.PENDING, Payment.Status.REQUIRES_ACTION, Payment.Status.PROCESSING]
        )

    def to_reconcile(self, before: datetime) -> Self:
        """Online payments whose outcome is still unknown to us, those first that were asked about longest ago."""
        return self.unsettled().filter(provider="stripe", updated_at__lte=before).order_by("updated_at")


class Payment(models.Model):
    """An attempt to pay an order. `status` and amounts are projected from its events by `payments.operations`."""

    class Status(models.TextChoices):
        PENDING = "pending"
        REQUIRES_ACTION = "requires_action"
        PROCESSING = "processing"
        AUTHORIZED = "authorized"
        PARTIALLY_CAPTURED = "partially_captured"
        CAPTURED = "captured"
        FAILED = "failed"
        VOIDED = "voided"
        EXPIRED = "expired"

    public_id = PublicIdField("pay")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments")
    provider = models.CharField(max_length=16)
    external_id = models.CharField(max_length=200, null=True, blank=True, help_text="The provider's name for it.")
    redirect_url = models.URLField(max_length=1000, blank=True, help_text="Where the buyer pays.")
    status = models.CharField(max_length=20, choices=Status, default=Status.PENDING)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    captured_minor = models.BigIntegerField(default=0)
    refunded_minor = models.BigIntegerField(default=0)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "external_id"], name="payment_external_id_once"),
            models.CheckConstraint(
                condition=Q(
                    refunded_minor__gte=0,
                    refunded_minor__lte=models.F("captured_minor"),
                    captured_minor__lte=models.F("amount_minor"),
                ),
                name="payment_amounts_in_order",
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                name="payment_open",
                condition=Q(status__in=["pending", "requires_action", "processing"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.public_id}"

    @property
    def is_settled(self) -> bool:
        return self.status in {self.Status.CAPTURED, self.Status.FAILED, self.Status.VOIDED, self.Status.EXPIRED}


class PaymentEvent(models.Model):
    """What was asked of a provider and what came back. Append-only (database trigger); the request is written first."""

    class Kind(models.TextChoices):
        AUTHORIZE = "authorize"
        CAPTURE = "capture"
        REFUND = "refund"
        VOID = "void"
        DISPUTE = "dispute"

    class Phase(models.TextChoices):
        REQUEST = "request"
        SUCCESS = "success"
        FAILURE = "failure"

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=10, choices=Kind)
    phase = models.CharField(max_length=8, choices=Phase)
    amount_minor = models.BigIntegerField()
    external_ref = models.CharField(max_length=200, blank=True)
    idempotency_key = models.CharField(max_length=120, unique=True)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.phase} {self.amount_minor}"


class Refund(models.Model):
    class Status(models.TextChoices):
        REQUESTED = "requested"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    public_id = PublicIdField("ref")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount_minor = models.BigIntegerField()
    reason = models.CharField(max_length=60)
    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    external_id = models.CharField(max_length=200, blank=True)
    idempotency_key = models.CharField(max_length=120, unique=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_of_something")]

    def __str__(self) -> str:
        return f"refund of {self.amount_minor} on {self.payment}"


class WebhookEventQuerySet(models.QuerySet["WebhookEvent"]):
    def due(self, now: datetime) -> Self:
        return self.filter(handled_at__isnull=True, due_at__lte=now, attempts__lt=WebhookEvent.MAX_ATTEMPTS)


class WebhookEvent(models.Model):
    """A provider's signed message, kept once by its id, handled by a worker. `payload` names what it is about."""

    # With the back-off of at most an hour this is a day and a half; afterwards the row waits for staff.
    MAX_ATTEMPTS = 48

    provider = models.CharField(max_length=16)
    event_id = models.CharField(max_length=200)
    type = models.CharField(max_length=80)
    payload = models.JSONField()
    received_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now, help_text="When a worker may take it, or take it again.")
    handled_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)

    objects = WebhookEventQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "event_id"], name="webhook_event_once")]
        indexes = [models.Index(fields=["due_at"], name="webhook_unhandled", condition=Q(handled_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
