from datetime import timedelta

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from . import idempotency, outbox
from .models import OutboxEvent


@shared_task
def relay_outbox() -> None:
    outbox.relay(timezone.now())


@shared_task
def forget_old() -> None:
    now = timezone.now()
    idempotency.forget(before=now - timedelta(hours=24))
    Session.objects.filter(expire_date__lt=now).delete()
    OutboxEvent.objects.filter(state=OutboxEvent.State.DONE, done_at__lt=now - timedelta(days=30)).delete()
