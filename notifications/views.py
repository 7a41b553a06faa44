"""A buyer's wish for a mail once more; and the mailbox of development, read from the files of Django's file backend."""

import email
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from pathlib import Path

from csp.decorators import csp
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from orders import queries as order_queries
from shop import rate_limits
from shop.errors import DomainError
from shop.http import Request

from . import operations, queries

NAME = re.compile(r"[\w-]+\.log\Z")
NEWEST = 200


@dataclass(frozen=True)
class Mail:
    name: str
    subject: str
    to: str
    sent_at: datetime | None
    text: str
    html: str


@require_POST
def resend(request: Request, public_id: str) -> HttpResponse:
    """Sends the order's confirmation again, to the address that it was placed with."""
    order = order_queries.get_accessible(request, public_id, permission=order_queries.CHANGE)
    try:
        rate_limits.check("resend", order.public_id)
        actor = order_queries.actor_of(request)
        operations.resend(order, queries.confirmation(order), actor=actor, now=timezone.now())
        messages.success(request, f"The confirmation is on its way to {order.email} again.")
    except DomainError as error:
        messages.error(request, error.text)
    return redirect(order_queries.page_of(request, order))


# --- The mailbox of development


@never_cache
def mailbox(request: HttpRequest) -> HttpResponse:
    in_development()
    files = sorted(folder().glob("*.log"), key=lambda file: file.stat().st_mtime, reverse=True)[:NEWEST]
    return render(request, "notifications/mailbox.html", {"mails": [read(file) for file in files]})


@never_cache
def mail(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "notifications/mail.html", {"mail": read(file_named(name))})


@never_cache
@csp({"default-src": ["'none'"], "style-src": ["'unsafe-inline'"], "frame-ancestors": ["'none'"]})  # type: ignore[arg-type]
def as_sent(request: HttpRequest, name: str) -> HttpResponse:
    """The HTML part by itself, as a mail program shows it: mails carry their style inline, pages may not."""
    return HttpResponse(read(file_named(name)).html)


def file_named(name: str) -> Path:
    in_development()
    file = folder() / name
    if not NAME.match(name) or not file.is_file():
        raise Http404
    return file


def in_development() -> None:
    """Elsewhere there is no such page: it shows every mail to anybody."""
    if not settings.SHOP_DEV_PAGES:
        raise Http404


def folder() -> Path:
    return Path(getattr(settings, "EMAIL_FILE_PATH", settings.DATA_DIR / "mail"))


def read(file: Path) -> Mail:
    message = email.message_from_bytes(file.read_bytes().rpartition(b"\n" + b"-" * 79)[0], policy=policy.default)
    return Mail(
        name=file.name,
        subject=str(message["Subject"] or ""),
        to=str(message["To"] or ""),
        # "-0000" in the header, which reads as no zone at all, is Django's way to write UTC.
        sent_at=message["Date"].datetime.replace(tzinfo=UTC) if message["Date"] else None,
        text=part(message, "plain"),
        html=part(message, "html"),
    )


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body(preferencelist=(kind,))
    return str(body.get_content()) if body else ""
