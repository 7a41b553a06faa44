from datetime import datetime
from typing import Self

from django.conf import settings
from django.core.signing import Signer
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from catalog.models import Variant
from pricing.models import Phase
from shop.ids import PublicIdField


class OrderQuerySet(models.QuerySet["Order"]):
    def payment_due(self, now: datetime) -> Self:
        return self.filter(status=Order.Status.PENDING, payment_due_at__lte=now)

    def with_details(self) -> Self:
        return self.select_related("user").prefetch_related(
            "lines__variant__product", "discounts", "shipments__lines__order_line", "events"
        )


class Order(models.Model):
    """A purchase. Its prices are a verbatim copy of the quote the buyer saw; only `orders.operations` changes it."""

    class Status(models.TextChoices):
        PENDING = "pending"
        CONFIRMED = "confirmed"
        PROCESSING = "processing"
        SHIPPED = "shipped"
        DELIVERED = "delivered"
        CANCELLED = "cancelled"

    class PaymentStatus(models.TextChoices):
        PENDING = "pending"
        AUTHORIZED = "authorized"
        PARTIALLY_PAID = "partially_paid"
        PAID = "paid"
        PARTIALLY_REFUNDED = "partially_refunded"
        REFUNDED = "refunded"
        VOIDED = "voided"
        FAILED = "failed"

    class FulfillmentStatus(models.TextChoices):
        UNFULFILLED = "unfulfilled"
        PARTIALLY_FULFILLED = "partially_fulfilled"
        FULFILLED = "fulfilled"
        PARTIALLY_RETURNED = "partially_returned"
        RETURNED = "returned"

    class PaymentMethod(models.TextChoices):
        STRIPE = "stripe", "Card or wallet"
        INVOICE = "invoice", "Bank transfer"
        COD = "cod", "Cash on delivery"

    public_id = PublicIdField("order")
    number = models.CharField(max_length=20, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="orders"
    )
    cart_reference = models.CharField(max_length=80, blank=True)
    idempotency_key = models.CharField(
        max_length=300, blank=True, help_text="principal + Idempotency-Key of the request."
    )

    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    payment_status = models.CharField(max_length=20, choices=PaymentStatus, default=PaymentStatus.PENDING)
    fulfillment_status = models.CharField(
        max_length=20, choices=FulfillmentStatus, default=FulfillmentStatus.UNFULFILLED
    )

    email = models.EmailField(max_length=254)
    phone = models.CharField(max_length=40, blank=True)
    shipping_address = models.JSONField(default=dict)
    billing_address = models.JSONField(default=dict)
    shipping_method = models.CharField(max_length=32)
    shipping_name = models.CharField(max_length=100)
    delivery_first = models.DateField(null=True, blank=True, help_text="First day of arrival, as promised.")
    delivery_last = models.DateField(null=True, blank=True)
    pickup_address = models.TextField(blank=True, default="", db_default="", help_text="Where the buyer collects it.")
    payment_method = models.CharField(max_length=16, choices=PaymentMethod)
    payment_due_at = models.DateTimeField(null=True, blank=True)

    currency = models.CharField(max_length=3)
    prices_include_tax = models.BooleanField()
    subtotal_minor = models.BigIntegerField(help_text="Goods at unit price, as shown to the buyer.")
    discount_minor = models.BigIntegerField(default=0)
    shipping_minor = models.BigIntegerField(help_text="Freight as shown to the buyer.")
    shipping_net_minor = models.BigIntegerField()
    shipping_tax_minor = models.BigIntegerField()
    shipping_tax_rate = models.DecimalField(max_digits=6, decimal_places=5)
    tax_minor = models.BigIntegerField(help_text="All tax, goods and freight.")
    total_minor = models.BigIntegerField(help_text="What is charged.")

    placed_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    redacted_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When it forgot who ordered: the books need no name any more."
    )

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["cart_reference"],
                condition=~Q(status="cancelled") & ~Q(cart_reference=""),
                name="one_living_order_per_cart",
            ),
            models.UniqueConstraint(
                fields=["idempotency_key"], condition=~Q(idempotency_key=""), name="one_order_per_idempotency_key"
            ),
            models.CheckConstraint(condition=Q(total_minor__gte=0), name="order_total_not_negative"),
        ]
        indexes = [
            models.Index(fields=["payment_due_at"], name="order_payment_due", condition=Q(status="pending")),
            models.Index(fields=["user", "-id"], name="order_of_user"),
            models.Index(fields=["placed_at"], name="order_to_redact", condition=Q(redacted_at=None)),
            models.Index(fields=["email"], name="order_of_email"),
        ]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("orders:detail", args=[self.public_id])

    @property
    def reference(self) -> str:
        """How the stock ledger names this order."""
        return f"order:{self.public_id}"

    @property
    def access_token(self) -> str:
        """A guest's credential for this one order: an HMAC-SHA-256 of its id, so that mails can carry it unstored."""
        return Signer(salt="orders.access").signature(self.public_id)

    def admits(self, token: str) -> bool:
        return bool(token) and constant_time_compare(token.encode(), self.access_token.encode())

    @property
    def applied(self) -> list["OrderDiscount"]:
        """As a quote names what it takes off. Reads prefetched rows."""
        return list(self.discounts.all())

    @property
    def full_shipping_minor(self) -> int:
        """The delivery before its promotions."""
        return self.shipping_minor + sum(each.amount_minor for each in self.applied if each.phase == Phase.SHIPPING)

    @property
    def is_open_for_payment(self) -> bool:
        return self.status == self.Status.PENDING and self.payment_status in {
            self.PaymentStatus.PENDING,
            self.PaymentStatus.FAILED,
        }

    @property
    def is_on_its_way(self) -> bool:
        """Neither with the buyer nor cancelled: the promised days still mean something."""
        return self.status not in {self.Status.DELIVERED, self.Status.CANCELLED}

    @property
    def is_cancellable(self) -> bool:
        return (
            self.status in {self.Status.PENDING, self.Status.CONFIRMED, self.Status.PROCESSING}
            and self.fulfillment_status == self.FulfillmentStatus.UNFULFILLED
        )

    @property
    def tracking_number(self) -> str:
        """Of the latest parcel that has one."""
        return next((s.tracking_number for s in reversed(self.shipments.all()) if s.tracking_number), "")


class OrderLine(models.Model):
    """One variant of an order, its name and prices frozen. net + tax = gross, which is what the buyer pays for it."""

    public_id = PublicIdField("item")
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+")
    sku = models.CharField(max_length=64)
    name = models.CharField(max_length=300)
    quantity = models.PositiveIntegerField()
    list_price_minor = models.BigIntegerField()
    unit_price_minor = models.BigIntegerField()
    discount_minor = models.BigIntegerField(default=0)
    net_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    gross_minor = models.BigIntegerField()
    tax_rate = models.DecimalField(max_digits=6, decimal_places=5)
    tax_class = models.CharField(max_length=32)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="order_line_of_something"),
            models.CheckConstraint(
                condition=Q(gross_minor=F("net_minor") + F("tax_minor")), name="order_line_net_plus_tax"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.name}"

    @property
    def subtotal_minor(self) -> int:
        return self.unit_price_minor * self.quantity


class OrderDiscount(models.Model):
    """What one promotion took off an order, frozen. The goods' part of it stands in the lines, too."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="discounts")
    name = models.CharField(max_length=100)
    code = models.CharField(max_length=64, blank=True, help_text="The coupon that opened it.")
    phase = models.CharField(max_length=10, choices=Phase)
    amount_minor = models.BigIntegerField()

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gte=0), name="order_discount_not_negative")]

    def __str__(self) -> str:
        return self.name


class OrderEvent(models.Model):
    """What happened to an order, when and by whom. Append-only (database trigger)."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="events")
    type = models.CharField(max_length=40)
    from_status = models.CharField(max_length=10, blank=True)
    to_status = models.CharField(max_length=10, blank=True)
    actor = models.CharField(max_length=80, help_text="A user's public id, `guest` or `system`.")
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.type} of {self.order_id}"


class Shipment(models.Model):
    class Status(models.TextChoices):
        PENDING = "pending"
        PACKED = "packed"
        SHIPPED = "shipped"
        DELIVERED = "delivered"
        LOST = "lost"

    public_id = PublicIdField("ship")
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="shipments")
    status = models.CharField(max_length=10, choices=Status, default=Status.SHIPPED)
    carrier = models.CharField(max_length=60, blank=True)
    tracking_number = models.CharField(max_length=100, blank=True)
    tracking_url = models.CharField(max_length=2000, blank=True, default="", db_default="")
    shipped_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"parcel {self.public_id} of {self.order}"


class ShipmentLine(models.Model):
    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(OrderLine, on_delete=models.CASCADE, related_name="shipment_lines")
    quantity = models.PositiveIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(quantity__gt=0), name="shipment_line_of_something")]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.order_line.sku}"
