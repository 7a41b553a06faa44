from collections.abc import Callable

import pytest
from django.db import connection
from django.utils import timezone

from accounts import operations
from accounts.models import ApiToken, User
from accounts.tests.factories import UserFactory
from shop.invariants import Finding, verify

pytestmark = pytest.mark.django_db


def plant_two_accounts_with_one_email() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_account_per_email")
    UserFactory.create(email="ada@example.com")
    UserFactory.create(email="Ada@example.com")


def plant_a_readable_password() -> None:
    User.objects.update(password="correct horse battery")


def plant_a_readable_token() -> None:
    ApiToken.objects.update(digest=ApiToken.new_secret())


def plant_a_token_for_anything_goes() -> None:
    ApiToken.objects.update(scopes=["orders:delete"])


def finding(code: str) -> Finding:
    return next(each for each in verify() if each.invariant.code == code)


@pytest.mark.parametrize(
    ("code", "plant"),
    [
        ("U1", plant_two_accounts_with_one_email),
        ("U2", plant_a_readable_password),
        ("U3", plant_a_readable_token),
        ("U4", plant_a_token_for_anything_goes),
    ],
)
def test_finds_a_planted_row_and_nothing_else(code: str, plant: Callable[[], None]) -> None:
    user = UserFactory.create()
    UserFactory.create().set_unusable_password()
    operations.issue_token(user, "test", timezone.now())
    assert finding(code).examined
    assert not finding(code).rows
    plant()
    assert finding(code).rows
