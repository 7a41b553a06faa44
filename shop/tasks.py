from datetime import timedelta

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from . import health, idempotency, outbox, privacy
from .batches import delete_in_batches


@shared_task
def relay_outbox() -> None:
    outbox.relay(timezone.now())


@shared_task
def heartbeat() -> None:
    health.note_heartbeat()


@shared_task
def forget_old() -> None:
    now = timezone.now()
    idempotency.forget(before=now - timedelta(hours=24))
    delete_in_batches(Session.objects.filter(expire_date__lt=now).order_by("expire_date"))
    outbox.forget(before=now - timedelta(days=30))


@shared_task
def forget_people() -> None:
    """What was kept for the books, once the time that the law asks for is over."""
    privacy.expire(timezone.now())
