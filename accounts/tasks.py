from celery import shared_task
from django.utils import timezone

from . import operations


@shared_task
def forget_old() -> None:
    operations.forget_expired_tokens(timezone.now())
    operations.forget_lost_sessions()
