from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from shop.ids import PublicIdField


class CartQuerySet(models.QuerySet["CartSnapshot"]):
    def open(self) -> Self:
        return self.filter(state=CartSnapshot.State.OPEN)

    def visible_to(self, user: Any) -> Self:
        """A guest's cart belongs to whoever knows its secret id; a person's own cart to that person alone."""
        mine = Q(user__isnull=True)
        return self.filter(mine | Q(user=user) if user.is_authenticated else mine)

    def of_holder(self, cart: "CartSnapshot") -> Self:
        """The cart, and for a guest's every open one that was begun at the same address."""
        return self.open().filter(holder=cart.holder) if cart.holder else self.filter(pk=cart.pk)

    def abandoned(self, before: datetime) -> Self:
        return self.filter(user__isnull=True, updated_at__lt=before)


class CartSnapshot(models.Model):
    """The durable cart. Redis holds a copy of `lines` and `version` for reading; this row rules.

    `lines` is a list of {"itemId", "sku", "quantity", "priceMinor", "addedAt", "heldUntil"}. Prices are read from the
    catalogue; `priceMinor` is the one that the shopper saw, to tell a change.
    """

    class State(models.TextChoices):
        OPEN = "open"
        ORDERED = "ordered"
        MERGED = "merged"

    public_id = PublicIdField("cart")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="carts")
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    version = models.PositiveIntegerField(default=1)
    lines = models.JSONField(default=list)
    coupon_codes = ArrayField(models.CharField(max_length=64), default=list, db_default=[], blank=True)
    holder = models.CharField(
        max_length=64,
        default="",
        db_default="",
        blank=True,
        editable=False,
        help_text="A keyed hash of the address where a guest began it: what all of its carts hold is capped together.",
    )
    checkout_started_at = models.DateTimeField(null=True, help_text="Holds are extended at the first start alone.")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = CartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(state="open"), name="one_open_cart_per_person")
        ]
        indexes = [models.Index(fields=["holder"], name="cart_holder", condition=Q(state="open") & ~Q(holder=""))]

    def __str__(self) -> str:
        return self.public_id

    @property
    def reference(self) -> str:
        """How the stock ledger names this cart."""
        return f"cart:{self.public_id}"
