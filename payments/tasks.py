import logging
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from . import operations
from .errors import ProviderUnavailable

log = logging.getLogger(__name__)


@shared_task
def handle_webhooks() -> None:
    operations.handle_webhooks(timezone.now())


@shared_task
def reconcile() -> None:
    operations.reconcile(timezone.now())


@shared_task
def find_orphans() -> None:
    """Compares the last three days with the provider's list. Stripe sends messages again for as long."""
    now = timezone.now()
    try:
        operations.find_orphans(now - timedelta(days=3), now=now)
    except ProviderUnavailable:
        log.warning("the payment provider is away: its sessions are compared in an hour")


@shared_task
def forget_webhooks() -> None:
    """Stripe sends a message again for three days: a month later its id guards nothing any more."""
    operations.forget_webhooks(timezone.now() - timedelta(days=30))
