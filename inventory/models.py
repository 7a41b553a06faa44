from typing import Self

from django.db import models
from django.db.models import F, Q, Sum
from django.db.models.functions import Greatest
from django.utils import timezone


class Warehouse(models.Model):
    code = models.SlugField(max_length=32, unique=True)
    name = models.CharField(max_length=100)
    priority = models.PositiveSmallIntegerField(default=100, help_text="Lower is taken first.")

    class Meta:
        ordering = ["priority", "id"]

    def __str__(self) -> str:
        return self.name


# What may be promised now, in SQL and in `StockItem.available`: domain rule "available".
AVAILABLE = Greatest(F("on_hand") - F("safety_stock") + F("backorder_limit") - F("reserved"), 0)


class StockItemQuerySet(models.QuerySet["StockItem"]):
    def with_available(self) -> Self:
        return self.annotate(available_now=AVAILABLE)

    def available_by_sku(self, skus: list[str]) -> dict[str, int]:
        """Units that can be bought now, over all warehouses. A SKU without stock items is absent."""
        rows = self.filter(sku__in=skus, shortfall=0).values_list("sku").annotate(available=Sum(AVAILABLE))
        return dict(rows)

    def low(self) -> Self:
        return self.filter(Q(low_stock_threshold__gte=AVAILABLE))


class StockItem(models.Model):
    """A SKU in one warehouse. Written by `inventory.operations` alone."""

    sku = models.CharField(max_length=64)
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="items")
    on_hand = models.IntegerField(default=0, help_text="Units on the shelf.")
    reserved = models.IntegerField(default=0, help_text="Units promised to carts and orders and still on the shelf.")
    safety_stock = models.PositiveIntegerField(default=0, help_text="Units that are never promised.")
    backorder_limit = models.PositiveIntegerField(default=0, help_text="Units that may be promised beyond the shelf.")
    shortfall = models.IntegerField(
        default=0, editable=False, help_text="Units promised that a stock-take did not find."
    )
    low_stock_threshold = models.PositiveIntegerField(default=10)
    low_stock_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the threshold was crossed; empty again after a receipt."
    )
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = StockItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sku", "warehouse"], name="stock_item_once"),
            models.CheckConstraint(condition=Q(on_hand__gte=0), name="stock_on_hand_not_negative"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="stock_reserved_not_negative"),
            models.CheckConstraint(condition=Q(shortfall__gte=0), name="stock_shortfall_not_negative"),
            models.CheckConstraint(
                condition=Q(reserved__lte=F("on_hand") + F("backorder_limit") + F("shortfall")),
                name="stock_never_oversold",
            ),
            models.CheckConstraint(
                condition=Q(shortfall=0) | Q(shortfall=F("reserved") - F("on_hand") - F("backorder_limit")),
                name="stock_shortfall_is_exact",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku} in {self.warehouse}"

    @property
    def available(self) -> int:
        if self.shortfall:
            return 0
        return max(0, self.on_hand - self.safety_stock + self.backorder_limit - self.reserved)


class ReservationQuerySet(models.QuerySet["Reservation"]):
    def open(self) -> Self:
        return self.filter(state=Reservation.State.OPEN)

    def holds(self) -> Self:
        return self.filter(kind=Reservation.Kind.HOLD)

    def allocations(self) -> Self:
        return self.filter(kind=Reservation.Kind.ALLOCATION)


class Reservation(models.Model):
    """Units promised to a cart (`hold`) or to a placed order (`allocation`). Leaves `open` once, for good."""

    class Kind(models.TextChoices):
        HOLD = "hold"
        ALLOCATION = "allocation"

    class State(models.TextChoices):
        OPEN = "open"
        FULFILLED = "fulfilled"
        RELEASED = "released"
        EXPIRED = "expired"

    reference = models.CharField(max_length=80, help_text="Whom the units are promised to: `cart:...` or `order:...`.")
    sku = models.CharField(max_length=64)
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT)
    quantity = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: promised until shipped or released.")
    created_at = models.DateTimeField(default=timezone.now)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="reservation_of_something"),
            models.UniqueConstraint(
                fields=["reference", "sku", "warehouse"], condition=Q(state="open"), name="one_open_reservation"
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="reservation_expiring", condition=Q(state="open")),
            models.Index(fields=["reference"], name="reservation_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.quantity} x {self.sku} for {self.reference}"


class StockMovement(models.Model):
    """A change of `on_hand`. Append-only (database trigger): the sum of a SKU's movements is what is on its shelf."""

    class Kind(models.TextChoices):
        RECEIPT = "receipt"
        SHIPMENT = "shipment"
        RETURN = "return"
        ADJUSTMENT = "adjustment"
        DAMAGE = "damage"
        TRANSFER_IN = "transfer_in"
        TRANSFER_OUT = "transfer_out"

    sku = models.CharField(max_length=64)
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT)
    kind = models.CharField(max_length=12, choices=Kind)
    quantity = models.IntegerField(help_text="Signed: what it added to the shelf.")
    reason = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=80, blank=True)
    reference = models.CharField(max_length=80, blank=True, db_index=True)
    idempotency_key = models.CharField(max_length=120, unique=True, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(quantity=0), name="movement_of_something")]
        indexes = [models.Index(fields=["sku", "warehouse"], name="movement_sku")]

    def __str__(self) -> str:
        return f"{self.kind} {self.quantity:+d} x {self.sku}"
