"""The mailbox of development."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from checkout.tests.factories import place_order
from notifications.handlers import TOPICS
from orders import operations as orders


@pytest.fixture
def mailbox(settings: Any, tmp_path: Path, db: None) -> Path:
    settings.SHOP_DEV_PAGES = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    return tmp_path / "mail"


def test_shows_what_was_sent(client: Client, mailbox: Path) -> None:
    assert "No mail has been sent yet" in client.get("/dev/mail").text
    order = place_order()
    payload = {"order_id": order.public_id}
    TOPICS["order.placed"](payload)
    orders.mark_paid(order, payment_reference="pay_1", now=timezone.now())
    TOPICS["order.paid"](payload)

    page = client.get("/dev/mail")
    mails = page.context["mails"]
    assert sorted(mail.subject for mail in mails) == [f"Order {order.number} is paid", f"Your order {order.number}"]
    assert mails[0].to == "ada@example.com"
    for mail in mails:
        shown = client.get(f"/dev/mail/{mail.name}")
        assert shown.status_code == 200
        assert "52.90" in mail.text and "<table" in mail.html
        as_sent = client.get(f"/dev/mail/{mail.name}/html")
        assert "<table" in as_sent.text and "<table" not in shown.text
        assert "script-src" not in as_sent.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["none.log", "..%2fsecret.log", "secret.txt", "a.log%00", ".log", "a.log%0a"])
def test_other_files_are_not_shown(client: Client, mailbox: Path, name: str) -> None:
    mailbox.mkdir()
    (mailbox.parent / "secret.log").write_text("Subject: secret\n")
    (mailbox / "secret.txt").write_text("Subject: secret\n")
    assert client.get(f"/dev/mail/{name}").status_code == 404


def test_only_where_it_is_switched_on(client: Client, mailbox: Path, settings: Any) -> None:
    mailbox.mkdir()
    (mailbox / "a.log").write_text("Subject: for nobody else\n")
    settings.SHOP_DEV_PAGES = False
    assert client.get("/dev/mail").status_code == 404
    assert client.get("/dev/mail/a.log").status_code == 404
