import pytest
from django.apps import apps
from django.contrib.auth.models import Group

from accounts.groups import GROUPS, make_groups, permissions_of
from accounts.tests.factories import StaffFactory

pytestmark = pytest.mark.django_db


def test_a_new_shop_has_the_groups_with_all_that_is_written() -> None:
    for name, models in GROUPS.items():
        written = {f"{label.split('.')[0]}.{verb}_{label.split('.')[1]}" for label in models for verb in models[label]}
        staff = StaffFactory.create()
        staff.groups.add(Group.objects.get(name=name))
        assert staff.get_all_permissions() == written
        assert all(apps.get_model(label) for label in models)


def test_what_the_shop_changed_stays() -> None:
    support = Group.objects.get(name="Support")
    support.permissions.clear()
    make_groups()
    assert not support.permissions.exists()


def test_a_group_that_went_comes_back_whole() -> None:
    Group.objects.get(name="Finance").delete()
    make_groups()
    assert set(Group.objects.get(name="Finance").permissions.all()) == set(permissions_of("Finance"))


def test_no_group_decides_who_works_here() -> None:
    for models in GROUPS.values():
        assert "auth.group" not in models
