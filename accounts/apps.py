from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate

from shop import invariants, privacy

from .invariants import INVARIANTS


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from . import checks  # noqa: F401
        from .handlers import remember_browser
        from .privacy import PART

        privacy.register(PART)
        invariants.register(*INVARIANTS)
        user_logged_in.connect(remember_browser)
        post_migrate.connect(start_off, sender=self)


def start_off(using: str, **_: Any) -> None:
    # Its module reads models, which exist only now.
    from .groups import make_groups

    make_groups(using)
