from django.db import models
from django.db.models import Q
from django.utils import timezone

from catalog.models import Product


class Bagged(models.Model):
    """A product was put into a bag: what `cart.item_added` told, without any person. `cart` is no key: carts go."""

    cart = models.BigIntegerField()
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cart", "product"], name="bagged_once_in_a_cart")]

    def __str__(self) -> str:
        return f"product {self.product_id} in bag {self.cart}"


class Neighbour(models.Model):
    """Who takes `product` tends to take `other`. Only `operations.generate` writes; rows are replaced all at once."""

    class Kind(models.TextChoices):
        TOGETHER = "together", "in the same order or bag"
        SHOPPER = "shopper", "by the same shopper"

    kind = models.CharField(max_length=8, choices=Kind)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+", db_index=False)
    other = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")
    score = models.FloatField(help_text="Cosine of the two, shrunk where few took both.")
    count = models.FloatField(help_text="Weight of the baskets that hold both.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "product", "other"], name="neighbour_once"),
            models.CheckConstraint(condition=~Q(product=models.F("other")), name="neighbour_of_another"),
        ]

    def __str__(self) -> str:
        return f"{self.product_id} -> {self.other_id} ({self.kind})"


class Popular(models.Model):
    """How much a product is bought of late. Only `operations.generate` writes."""

    product = models.OneToOneField(Product, on_delete=models.CASCADE, related_name="+", primary_key=True)
    score = models.FloatField(help_text="Orders with it; each counts half as much after 30 days.")

    class Meta:
        indexes = [models.Index(fields=["-score"], name="popular_first")]

    def __str__(self) -> str:
        return f"product {self.product_id}: {self.score:.2f}"


class Generation(models.Model):
    """One run of the nightly job, for staff to see that it runs and what it found."""

    made_at = models.DateTimeField()
    baskets = models.PositiveIntegerField()
    products = models.PositiveIntegerField()
    pairs = models.PositiveIntegerField()
    seconds = models.FloatField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.pairs} pairs of {self.products} products"
