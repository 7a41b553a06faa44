from celery import shared_task
from django.utils import timezone

from . import operations


@shared_task
def end_unpaid() -> None:
    operations.end_unpaid(timezone.now())
