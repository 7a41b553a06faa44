from celery import shared_task
from django.utils import timezone

from . import operations


@shared_task
def apply_sales() -> None:
    operations.apply_sales(timezone.now())
