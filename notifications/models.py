from django.db import models
from django.utils import timezone

from orders.models import Order


class MailLog(models.Model):
    """Every mail that the shop sent, once by its key. `sent_at` is empty until the mail server has taken it."""

    key = models.CharField(max_length=200, unique=True)
    template = models.CharField(max_length=60)
    recipient = models.EmailField(max_length=254)
    subject = models.CharField(max_length=300)
    order = models.ForeignKey(Order, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.subject} to {self.recipient}"
