"""Public identifiers: opaque, prefixed, and too random to guess. Primary keys never leave the database."""

import secrets
import string
from typing import Any

from django.db import models

ALPHABET = string.digits + string.ascii_letters
# 22 characters of 62 carry 130 bits, so that an id may also serve as a credential (a guest's cart).
LENGTH = 22


def new_id(prefix: str) -> str:
    return f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


class PublicIdField(models.CharField):
    """A unique `prefix_XXXXXXXXXXXXXXXXXXXXXX` made by the application when the row is."""

    def __init__(self, prefix: str = "", **kwargs: Any) -> None:
        self.prefix = prefix
        kwargs.update(max_length=40, unique=True, editable=False)
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for derived in ("max_length", "unique", "editable"):
            kwargs.pop(derived, None)
        return name, path, args, {"prefix": self.prefix, **kwargs}

    def get_default(self) -> str:
        return new_id(self.prefix)
