from celery import shared_task
from django.utils import timezone

from . import operations


@shared_task
def generate() -> None:
    operations.generate(timezone.now())
    operations.forget_old(timezone.now())
