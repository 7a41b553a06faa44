from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from orders.models import Order, OrderLine
from shop.ids import PublicIdField


class PaymentQuerySet(models.QuerySet["Payment"]):
    def unsettled(self) -> Self:
        return self.filter(
            status__in=[Payment.Status.PENDING, Payment.Status.REQUIRES_ACTION, Payment.Status.PROCESSING]
        )

    def authorized(self) -> Self:
        return self.filter(status=Payment.Status.AUTHORIZED)

    def to_reconcile(self, now: datetime) -> Self:
        """Online payments that may move without our doing and whose turn it is, those first that wait longest."""
        moving = self.unsettled() | self.authorized()
        return moving.filter(provider="stripe", ask_at__lte=now).order_by("ask_at")


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

    SETTLED = (Status.PARTIALLY_CAPTURED, Status.CAPTURED, Status.FAILED, Status.VOIDED, Status.EXPIRED)

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
    disputed_minor = models.BigIntegerField(
        default=0, db_default=0, help_text="Taken back by buyers' banks: while a dispute is open, and once it is lost."
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    capture_before = models.DateTimeField(null=True, blank=True, help_text="When an authorisation lapses.")
    ask_at = models.DateTimeField(
        default=timezone.now, db_default=Now(), help_text="When the provider is next asked, if nothing is heard before."
    )
    asked = models.PositiveSmallIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "external_id"], name="payment_external_id_once"),
            models.CheckConstraint(
                condition=Q(
                    refunded_minor__gte=0,
                    refunded_minor__lte=F("captured_minor"),
                    captured_minor__lte=F("amount_minor"),
                ),
                name="payment_amounts_in_order",
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                name="payment_open",
                condition=Q(status__in=["pending", "requires_action", "processing"]),
            ),
            models.Index(
                fields=["ask_at"],
                name="payment_to_ask",
                condition=Q(status__in=["pending", "requires_action", "processing", "authorized"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.public_id}"

    @property
    def is_settled(self) -> bool:
        return self.status in self.SETTLED


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
        indexes = [
            models.Index(
                fields=["created_at"],
                name="payment_declined",
                condition=Q(kind="authorize", phase="failure"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.phase} {self.amount_minor}"


class RefundQuerySet(models.QuerySet["Refund"]):
    def living(self) -> Self:
        """Given back or promised."""
        return self.exclude(status=Refund.Status.FAILED)


class Refund(models.Model):
    """Money back. Unless it is undivided its amount is the sum of its lines and its share of the delivery, so that
    net and tax are known for each rate."""

    class Status(models.TextChoices):
        REQUESTED = "requested"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    class Kind(models.TextChoices):
        LINES = "lines", "Units of the order"
        AMOUNT = "amount", "An amount, spread over the order"
        UNDIVIDED = "undivided", "Nothing of the order: paid twice, or above its total"

    public_id = PublicIdField("ref")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.UNDIVIDED, db_default=Kind.UNDIVIDED)
    amount_minor = models.BigIntegerField()
    shipping_net_minor = models.BigIntegerField(default=0, db_default=0)
    shipping_tax_minor = models.BigIntegerField(default=0, db_default=0)
    reason = models.CharField(max_length=60)
    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    external_id = models.CharField(max_length=200, blank=True)
    idempotency_key = models.CharField(max_length=120, unique=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = RefundQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_of_something")]

    def __str__(self) -> str:
        return f"refund of {self.amount_minor} on {self.payment}"


class RefundLine(models.Model):
    """A refund's part of one order line, its tax frozen. `quantity` is 0 where an amount was given back, not a unit."""

    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="lines")
    order_line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="refund_lines")
    quantity = models.PositiveIntegerField()
    net_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    gross_minor = models.BigIntegerField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["refund", "order_line"], name="refund_line_once"),
            models.CheckConstraint(
                condition=Q(net_minor__gte=0, tax_minor__gte=0, gross_minor=F("net_minor") + F("tax_minor")),
                name="refund_line_net_plus_tax",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.order_line_id} in {self.refund_id}"


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
