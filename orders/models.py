from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.core.signing import Signer
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce, Now
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
            models.Prefetch("lines", OrderLine.objects.select_related("variant__product")),
            "discounts",
            "shipments__lines__order_line",
            "shipments__replaces",
            "shipments__replacement",
            "events",
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
    def returns_until(self) -> datetime | None:
        """Until when its buyer may ask for a return, counted from the last parcel; None while nothing has arrived."""
        arrived = [parcel.delivered_at for parcel in self.shipments.all() if parcel.delivered_at]
        return max(arrived) + timedelta(days=settings.SHOP_RETURN_DAYS) if arrived else None

    @property
    def tracking_number(self) -> str:
        """Of the latest parcel that has one."""
        return next((s.tracking_number for s in reversed(self.shipments.all()) if s.tracking_number), "")


class OrderLineQuerySet(models.QuerySet["OrderLine"]):
    def with_units(self) -> Self:
        """Each line with what has become of its units. A replacement for a lost parcel counts only as delivered."""
        parcels = ShipmentLine.objects.filter(order_line=OuterRef("pk"))
        first = parcels.filter(shipment__replaces=None)
        back = ReturnLine.objects.filter(order_line=OuterRef("pk"))
        return self.annotate(
            units_parceled=_units(first),
            units_left=_units(first.filter(shipment__status__in=Shipment.LEFT)),
            units_delivered=_units(parcels.filter(shipment__status=Shipment.Status.DELIVERED)),
            units_claimed=_units(back.exclude(of__status=Return.Status.REJECTED)),
            units_returned=_units(back.filter(of__status__in=Return.BACK)),
        )


def _units(rows: models.QuerySet[Any]) -> Coalesce:
    total = rows.order_by().values("order_line").annotate(units=Sum("quantity")).values("units")
    return Coalesce(Subquery(total), 0)


class OrderLine(models.Model):
    """One variant of an order, its name and prices frozen. net + tax = gross, which is what the buyer pays for it."""

    # Of `with_units()` alone.
    units_parceled: int
    units_left: int
    units_delivered: int
    units_claimed: int
    units_returned: int

    public_id = PublicIdField("item")
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+")
    sku = models.CharField(max_length=64)
    name = models.CharField(max_length=300)
    quantity = models.PositiveIntegerField()
    cancelled_quantity = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Units of a living order that will not be sent after all."
    )
    list_price_minor = models.BigIntegerField()
    unit_price_minor = models.BigIntegerField()
    discount_minor = models.BigIntegerField(default=0)
    net_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    gross_minor = models.BigIntegerField()
    tax_rate = models.DecimalField(max_digits=6, decimal_places=5)
    tax_class = models.CharField(max_length=32)

    objects = OrderLineQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="order_line_of_something"),
            models.CheckConstraint(
                condition=Q(cancelled_quantity__lte=F("quantity")), name="order_line_cancelled_within_quantity"
            ),
            models.CheckConstraint(
                condition=Q(gross_minor=F("net_minor") + F("tax_minor")), name="order_line_net_plus_tax"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.name}"

    @property
    def subtotal_minor(self) -> int:
        return self.unit_price_minor * self.quantity

    @property
    def wanted(self) -> int:
        return self.quantity - self.cancelled_quantity

    @property
    def units_to_send(self) -> int:
        """In no parcel yet. Reads `with_units()`."""
        return self.wanted - self.units_parceled

    @property
    def units_returnable(self) -> int:
        """With the buyer, and in no return. Reads `with_units()`."""
        return self.units_delivered - self.units_claimed


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
    """One parcel: units of some of the order's lines. One that waits to be collected is a parcel too."""

    class Status(models.TextChoices):
        PENDING = "pending"
        PACKED = "packed"
        SHIPPED = "shipped"
        DELIVERED = "delivered"
        LOST = "lost"

    WAITING = (Status.PENDING, Status.PACKED)
    LEFT = (Status.SHIPPED, Status.DELIVERED, Status.LOST)

    public_id = PublicIdField("ship")
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="shipments")
    status = models.CharField(max_length=10, choices=Status, default=Status.SHIPPED)
    carrier = models.CharField(max_length=60, blank=True)
    tracking_number = models.CharField(max_length=100, blank=True)
    tracking_url = models.CharField(max_length=2000, blank=True, default="", db_default="")
    replaces = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="replacement",
        help_text="The lost parcel whose contents this one brings again.",
    )
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    shipped_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    lost_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"parcel {self.public_id} of {self.order}"

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines.all())

    @property
    def is_waiting(self) -> bool:
        return self.status in self.WAITING

    @property
    def is_replaced(self) -> bool:
        return hasattr(self, "replacement")


class ShipmentLine(models.Model):
    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(OrderLine, on_delete=models.CASCADE, related_name="shipment_lines")
    quantity = models.PositiveIntegerField()

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=Q(quantity__gt=0), name="shipment_line_of_something")]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.order_line.sku}"


class Return(models.Model):
    """Units that a buyer wants to send back, or has sent back."""

    class Status(models.TextChoices):
        REQUESTED = "requested"
        APPROVED = "approved"
        RECEIVED = "received"
        REFUNDED = "refunded"
        REJECTED = "rejected"

    OPEN = (Status.REQUESTED, Status.APPROVED)
    BACK = (Status.RECEIVED, Status.REFUNDED)

    public_id = PublicIdField("ret")
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="returns")
    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    note = models.CharField(max_length=1000, blank=True, help_text="The buyer's words.")
    answer = models.CharField(max_length=500, blank=True, help_text="Why it was rejected.")
    refund_id = models.CharField(max_length=64, blank=True, help_text="The refund that paid it back.")
    idempotency_key = models.CharField(max_length=120, null=True, blank=True, editable=False)
    requested_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(null=True, blank=True)
    refunded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["id"], name="return_to_do", condition=Q(status__in=("requested", "approved"))),
        ]
        constraints = [models.UniqueConstraint(fields=["order", "idempotency_key"], name="return_once_for_a_key")]

    def __str__(self) -> str:
        return f"return {self.public_id} of {self.order}"


class ReturnLine(models.Model):
    """`quantity` is what the buyer announced, and from the receipt on what came."""

    class Reason(models.TextChoices):
        CHANGED_MIND = "changed_mind", "Changed my mind"
        DOES_NOT_FIT = "does_not_fit", "Does not fit"
        NOT_AS_DESCRIBED = "not_as_described", "Not as described"
        DAMAGED = "damaged", "Arrived damaged or faulty"
        WRONG_ITEM = "wrong_item", "Wrong article"
        OTHER = "other", "Another reason"

    class Disposition(models.TextChoices):
        RESTOCK = "restock", "Sell it again"
        DAMAGED = "damaged", "Damaged"
        DISCARD = "discard", "Throw it away"

    of = models.ForeignKey(Return, on_delete=models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(OrderLine, on_delete=models.CASCADE, related_name="return_lines")
    quantity = models.PositiveIntegerField()
    reason = models.CharField(max_length=20, choices=Reason)
    disposition = models.CharField(max_length=10, choices=Disposition, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="return_line_of_something"),
            models.UniqueConstraint(fields=["of", "order_line"], name="one_row_per_line_in_a_return"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.order_line.sku}"
