import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User

Send = Callable[..., Any]


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_superuser("staff@shop.example")


@pytest.fixture
def send(staff: User) -> Send:
    """`send("post", "/api/products", body)` as staff."""
    client = Client()
    client.force_login(staff)
    return sender(client)


@pytest.fixture
def send_as() -> Callable[..., Send]:
    """`send_as("catalog.add_product")`: a member of staff with these permissions alone."""

    def make(*permissions: str, is_staff: bool = True) -> Send:
        user = User.objects.create_user(f"{len(permissions)}-{is_staff}@shop.example")
        user.is_staff = is_staff
        user.save()
        codes = [permission.partition(".")[2] for permission in permissions]
        user.user_permissions.set(Permission.objects.filter(codename__in=codes, content_type__app_label="catalog"))
        client = Client()
        client.force_login(user)
        return sender(client)

    return make


@pytest.fixture
def anonymous(db: None) -> Send:
    return sender(Client())


def sender(client: Client) -> Send:
    def send(method: str, path: str, body: Any = None, **headers: str) -> Any:
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            return getattr(client, method)(path, headers=named)
        return getattr(client, method)(path, content, content_type="application/json", headers=named)

    return send
