"""A real SMTP server that a test may let refuse, hesitate and recover."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.stack import free_port


class Handler:
    """`is_away`: everybody hears 421. `delay`: seconds that each mail takes. `hold`: who comes waits, unanswered."""

    def __init__(self) -> None:
        self.is_away = False
        self.delay = 0.0
        self.hold = False
        self.refused = 0
        self.held = threading.Event()
        self.accepted: list[tuple[str, str]] = []

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.is_away:
            self.refused += 1
            return "421 4.3.2 try again later"
        if self.hold:
            self.held.set()
            await asyncio.sleep(60)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await asyncio.sleep(self.delay)
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        message = message_from_bytes(content, policy=policy.default)
        self.accepted.append((envelope.rcpt_tos[0], str(message["Message-ID"])))
        return "250 taken"

    @property
    def times(self) -> dict[str, int]:
        """How often each Message-ID was taken."""
        return Counter(message_id for _, message_id in self.accepted)


@contextmanager
def mail_server() -> Iterator[tuple[Handler, int]]:
    handler = Handler()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield handler, controller.port
    finally:
        controller.stop()
