from collections.abc import Iterable
from functools import cache
from typing import Any

import factory
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission
from django.db.models import Q

from accounts.models import Address, User

PASSWORD = "correct horse battery"


@cache
def password_hash() -> str:
    """Argon2 is slow on purpose: one hash serves every account of a test run."""
    return make_password(PASSWORD)


class UserFactory(factory.django.DjangoModelFactory[User]):
    """An account that signs in with `PASSWORD`. Say `.create()`: type checkers take `UserFactory()` for a factory."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda number: f"person{number}@example.com")
    first_name = "Ada"
    last_name = "Byron"
    password = factory.LazyFunction(password_hash)


class StaffFactory(UserFactory):
    """`StaffFactory.create(permissions=["catalog.add_product"])`."""

    email = factory.Sequence(lambda number: f"staff{number}@example.com")
    is_staff = True

    @factory.post_generation
    def permissions(self: User, create: bool, extracted: Iterable[str] | None, **kwargs: Any) -> None:
        if create and extracted:
            grant(self, *extracted)


class AddressFactory(factory.django.DjangoModelFactory[Address]):
    class Meta:
        model = Address

    user = factory.SubFactory(UserFactory)
    full_name = "Ada Byron"
    line1 = "Lindenallee 7"
    postal_code = "10115"
    city = "Berlin"
    country = "DE"


def grant(user: User, *permissions: str) -> None:
    """Gives permissions by their `app.codename`; an unknown one is an error of the test."""
    wanted = Q(pk__in=[])
    for permission in permissions:
        app, codename = permission.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    found = list(Permission.objects.filter(wanted))
    assert len(found) == len(permissions), f"no such permission among {permissions}"
    user.user_permissions.add(*found)
