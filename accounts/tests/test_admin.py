import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import PASSWORD, AddressFactory, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db

LOGIN = reverse("admin:login")
NEW = "difference engine 1822"


class TestSignIn:
    """By the shop's own form: its second step and its throttle are tested with it."""

    def test_is_closed_to_customers(self, customer: User) -> None:
        client = Client()
        client.post(reverse("accounts:login"), {"email": customer.email, "password": PASSWORD, "next": "/admin/"})
        assert client.get("/admin/")["Location"] == f"{LOGIN}?next=/admin/"
        assert "may not open this page" in client.get(LOGIN).content.decode()

    def test_takes_no_password_at_the_admins_address(self) -> None:
        staff = StaffFactory.create(is_superuser=True)
        response = Client().post(LOGIN, {"username": staff.email, "password": PASSWORD, "next": "/admin/"})
        assert response.status_code == 405


def test_createsuperuser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", email="Root@Example.com", interactive=False, verbosity=0)
    user = User.objects.get(email="root@example.com")
    assert user.is_superuser and user.is_staff and user.check_password(PASSWORD)


class TestUsers:
    def test_are_listed_found_and_shown(self, admin_browser: Client, customer: User) -> None:
        ApiClient.of(customer)
        AddressFactory.create(user=customer)
        listing = admin_browser.get(reverse("admin:accounts_user_changelist"), {"q": customer.email})
        assert customer.email in listing.content.decode()
        page = admin_browser.get(reverse("admin:accounts_user_change", args=[customer.pk])).content.decode()
        assert "Lindenallee 7" in page
        assert ApiToken.objects.get().digest not in page
        assert admin_browser.get(reverse("admin:auth_group_changelist")).status_code == 200
        assert admin_browser.get(reverse("admin:auth_group_add")).status_code == 200

    def test_are_added_with_one_spelling_of_the_address(self, admin_browser: Client) -> None:
        add = reverse("admin:accounts_user_add")
        assert admin_browser.get(add).status_code == 200
        form = {"email": "New@Example.com", "usable_password": "true", "password1": NEW, "password2": NEW}
        assert admin_browser.post(add, form).status_code == 302
        assert User.objects.get(email="new@example.com").check_password(NEW)
        again = admin_browser.post(add, form | {"email": "NEW@example.com"})
        assert "email" in again.context["adminform"].form.errors

    def test_lose_their_tokens_with_a_new_password(self, admin_browser: Client, customer: User) -> None:
        program = ApiClient.of(customer)
        url = reverse("admin:auth_user_password_change", args=[customer.pk])
        form = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
        assert admin_browser.get(url).status_code == 200
        assert admin_browser.post(url, form).status_code == 302
        assert User.objects.get(pk=customer.pk).check_password(NEW)
        assert program.get("/users/me").status_code == 401

    def test_stay_signed_in_when_they_change_their_own_password(self, admin_browser: Client) -> None:
        staff = User.objects.get(is_superuser=True)
        url = reverse("admin:auth_user_password_change", args=[staff.pk])
        form = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
        assert admin_browser.post(url, form).status_code == 302
        assert admin_browser.get("/admin/").status_code == 200

    def test_change_their_own_password_where_it_ends_their_tokens(self, admin_browser: Client) -> None:
        staff = User.objects.get(is_superuser=True)
        program = ApiClient.of(staff)
        form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
        admin_browser.post(reverse("admin:password_change"), form)
        is_changed = User.objects.get(pk=staff.pk).check_password(NEW)
        assert not (is_changed and program.get("/users/me").status_code == 200)
        page = admin_browser.get(reverse("admin:password_change"))
        assert page["Location"] == reverse("accounts:password_change")


class TestSupport:
    """Staff who may change accounts, and are not administrators."""

    @pytest.fixture
    def support(self) -> Client:
        client = Client()
        client.force_login(StaffFactory.create(permissions=["accounts.view_user", "accounts.change_user"]))
        return client

    @pytest.mark.parametrize("name", ["admin:accounts_user_change", "admin:auth_user_password_change"])
    def test_may_not_touch_an_administrator(self, support: Client, name: str) -> None:
        admin = StaffFactory.create(is_superuser=True)
        form = {"email": "mine@example.com", "password1": NEW, "password2": NEW, "set-password": "1"}
        assert support.post(reverse(name, args=[admin.pk]), form).status_code == 403
        after = User.objects.get(pk=admin.pk)
        assert (after.email, after.password) == (admin.email, admin.password)

    def test_may_change_a_customer_and_give_no_privileges(self, support: Client) -> None:
        customer = UserFactory.create()
        form = {
            "email": customer.email,
            "first_name": "Augusta",
            "is_active": "on",
            "is_staff": "on",
            "is_superuser": "on",
        }
        management = {
            f"{prefix}-{name}_FORMS": "0" for prefix in ("addresses", "api_tokens") for name in ("TOTAL", "INITIAL")
        }
        response = support.post(reverse("admin:accounts_user_change", args=[customer.pk]), form | management)
        assert response.status_code == 302
        customer.refresh_from_db()
        assert customer.first_name == "Augusta"
        assert not customer.is_staff and not customer.is_superuser
