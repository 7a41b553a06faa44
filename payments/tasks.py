from celery import shared_task
from django.utils import timezone

from . import operations


@shared_task
def handle_webhooks() -> None:
    operations.handle_webhooks(timezone.now())


@shared_task
def reconcile() -> None:
    operations.reconcile(timezone.now())
