from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from . import operations


@shared_task
def deliver() -> None:
    operations.deliver(timezone.now())


@shared_task
def forget_old() -> None:
    """A month answers what went wrong last week; messages hold names and addresses and are not kept for longer."""
    operations.forget(before=timezone.now() - timedelta(days=30))
