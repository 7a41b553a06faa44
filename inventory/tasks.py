from celery import shared_task
from django.utils import timezone

from . import operations


@shared_task
def release_expired() -> None:
    operations.release_expired(timezone.now())


@shared_task
def sweep_low_stock() -> None:
    operations.sweep_low_stock(timezone.now())
