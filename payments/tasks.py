from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from . import operations


@shared_task
def handle_webhooks() -> None:
    operations.handle_webhooks(timezone.now())


@shared_task
def reconcile() -> None:
    operations.reconcile(timezone.now())


@shared_task
def forget_webhooks() -> None:
    """Stripe sends a message again for three days: a month later its id guards nothing any more."""
    operations.forget_webhooks(timezone.now() - timedelta(days=30))
