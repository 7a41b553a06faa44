from typing import Any, Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import Product
from orders.models import OrderLine
from shop.ids import PublicIdField

MAX_TITLE, MAX_TEXT, MAX_REPLY = 120, 4000, 2000


class ReviewQuerySet(models.QuerySet["Review"]):
    def published(self) -> Self:
        return self.filter(state=Review.State.PUBLISHED)

    def visible_to(self, user: Any) -> Self:
        """What is published, and one's own in any state."""
        public = Q(state=Review.State.PUBLISHED)
        return self.filter(public | Q(user=user) if user.is_authenticated else public)

    def written_by(self, user: Any) -> Self:
        return self.filter(user=user) if user.is_authenticated else self.none()


class Review(models.Model):
    """What a buyer thinks of a product; one of each person. Plain text: nothing in it becomes a link or markup."""

    class State(models.TextChoices):
        PENDING = "pending"
        PUBLISHED = "published"
        REJECTED = "rejected"

    public_id = PublicIdField("review")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="reviews")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    order_line = models.ForeignKey(
        OrderLine, on_delete=models.PROTECT, related_name="+", help_text="The purchase that gave the right to write it."
    )
    rating = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)])
    title = models.CharField(max_length=MAX_TITLE, blank=True)
    text = models.TextField(max_length=MAX_TEXT, blank=True)
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    staff_reply = models.TextField("reply of the shop", max_length=MAX_REPLY, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["product", "user"], name="one_review_per_buyer"),
            models.CheckConstraint(condition=Q(rating__gte=1, rating__lte=5), name="review_of_one_to_five"),
        ]
        indexes = [
            models.Index(fields=["product", "-id"], name="review_published", condition=Q(state="published")),
            models.Index(fields=["id"], name="review_pending", condition=Q(state="pending")),
        ]

    def __str__(self) -> str:
        return f"{self.rating} of 5 for {self.product}"

    def get_absolute_url(self) -> str:
        return f"{reverse('reviews:list', args=[self.product.slug])}#{self.public_id}"

    @property
    def author(self) -> str:
        """`Ada B.`: enough to be a person, too little to be found."""
        first, last = self.user.first_name, self.user.last_name
        return f"{first} {last[0]}." if first and last else first or "A buyer"

    @property
    def is_published(self) -> bool:
        return self.state == self.State.PUBLISHED


class ReviewReport(models.Model):
    """Somebody finds that a published review should not be there; each person counts once."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="reports")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["review", "user"], name="one_report_per_person")]

    def __str__(self) -> str:
        return f"report of {self.review_id}"
