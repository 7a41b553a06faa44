from celery import shared_task
from django.utils import timezone

from . import operations


@shared_task
def catch_up() -> None:
    operations.catch_up(timezone.now())
