import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.urls import reverse

from accounts.models import Address, ApiToken, User
from accounts.tests.clients import ApiClient, until_throttled
from accounts.tests.factories import PASSWORD, AddressFactory, UserFactory

pytestmark = pytest.mark.django_db

LOGIN, REGISTER, PROFILE = reverse("accounts:login"), reverse("accounts:register"), reverse("accounts:profile")
ADDRESS = {
    "full_name": "Ada Byron",
    "line1": "Lindenallee 7",
    "line2": "",
    "postal_code": "10115",
    "city": "Berlin",
    "region": "",
    "country": "DE",
    "phone": "",
}
EVIL = [
    "//evil.example",
    "https://evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "///evil.example",
    "http:evil.example",
    "\x01//evil.example",
]


class TestLogin:
    def test_shows_the_form_and_makes_no_session(self) -> None:
        response = Client().get(LOGIN)
        assert response.status_code == 200
        assert b'autocomplete="current-password"' in response.content
        assert "no-store" in response["Cache-Control"]
        assert not response.cookies

    def test_signs_in_and_goes_where_one_was_going(self, customer: User) -> None:
        client = Client()
        target = reverse("accounts:addresses")
        assert client.get(target)["Location"] == f"{LOGIN}?next={target}"
        assert f'value="{target}"' in client.get(LOGIN, {"next": target}).content.decode()
        response = client.post(LOGIN, {"email": customer.email.upper(), "password": PASSWORD, "next": target})
        assert response["Location"] == target
        assert client.get(target).status_code == 200

    def test_without_a_target_shows_the_account(self, customer: User) -> None:
        assert Client().post(LOGIN, {"email": customer.email, "password": PASSWORD})["Location"] == PROFILE

    @pytest.mark.parametrize("target", EVIL)
    def test_never_leaves_the_shop(self, customer: User, target: str) -> None:
        credentials = {"email": customer.email, "password": PASSWORD}
        client = Client()
        assert client.post(LOGIN, {**credentials, "next": target})["Location"] == PROFILE
        assert client.get(LOGIN, {"next": target})["Location"] == PROFILE
        assert Client().post(f"{LOGIN}?next={target}", credentials)["Location"] == PROFILE

    def test_shows_one_text_for_every_failure(self, customer: User) -> None:
        for email in (customer.email, "nobody@example.com"):
            response = Client().post(LOGIN, {"email": email, "password": "wrong"})
            assert response.status_code == 401
            assert "The email address or the password is wrong." in response.content.decode()
            assert SESSION_KEY not in response.client.session

    def test_shares_its_throttle_with_the_api(self, customer: User, api: ApiClient) -> None:
        until_throttled(lambda _: api.post("/users/login", {"email": customer.email, "password": "guess"}))
        response = Client().post(LOGIN, {"email": customer.email, "password": PASSWORD})
        assert response.status_code == 429
        assert response["Retry-After"]
        assert b"Too many requests" in response.content

    def test_takes_a_new_session_key(self, customer: User) -> None:
        client = Client()
        session = client.session
        session["planted"] = True
        session.save()
        client.cookies[settings.SESSION_COOKIE_NAME] = before = session.session_key or ""
        client.post(LOGIN, {"email": customer.email, "password": PASSWORD})
        assert client.session.session_key != before
        stale = Client()
        stale.cookies[settings.SESSION_COOKIE_NAME] = before
        assert stale.get(PROFILE).status_code == 302

    def test_cannot_be_submitted_by_a_foreign_site(self, customer: User) -> None:
        """Nobody is signed in yet, so no cookie comes along and the rule about cookies alone would let it pass."""
        credentials = {"email": customer.email, "password": PASSWORD}
        for header in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            response = Client().post(LOGIN, credentials, headers=header)
            assert response.status_code == 403
            assert not response.cookies


def test_logout_is_a_post(browser: Client) -> None:
    logout = reverse("accounts:logout")
    assert browser.get(logout).status_code == 405
    assert browser.get(PROFILE).status_code == 200
    assert browser.post(logout)["Location"] == "/"
    assert browser.get(PROFILE).status_code == 302


class TestRegister:
    FORM = {"email": "ada@example.com", "password": "analytical engine", "first_name": "Ada", "last_name": "B"}

    def test_makes_an_account_and_signs_in(self) -> None:
        client = Client()
        assert client.get(REGISTER).status_code == 200
        response = client.post(REGISTER, {**self.FORM, "next": "/cart/"})
        assert response["Location"] == "/cart/"
        assert client.get(PROFILE).context["user"].email == "ada@example.com"

    @pytest.mark.parametrize("target", EVIL)
    def test_never_leaves_the_shop(self, target: str) -> None:
        assert Client().post(REGISTER, {**self.FORM, "next": target})["Location"] == PROFILE

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("email", ""),
            ("email", "ada"),
            ("email", "ada@example.com,eve@example.com"),
            ("email", "ada@example.com\r\nBcc: eve@example.com"),
            ("password", "short"),
            ("password", "password123"),
            ("password", "x" * 1000),
            ("first_name", "Ada\nBcc: eve@example.com"),
            ("first_name", "a" * 101),
            ("phone", "1\r\n2"),
        ],
    )
    def test_shows_what_is_wrong_beside_the_field(self, field: str, value: str) -> None:
        response = Client().post(REGISTER, {**self.FORM, field: value})
        assert response.status_code in {200, 400}
        assert list(response.context["form"].errors) == [field]
        assert not User.objects.exists()

    def test_a_known_address_is_told(self) -> None:
        UserFactory.create(email="ada@example.com")
        response = Client().post(REGISTER, self.FORM)
        assert response.status_code == 409
        assert "email" in response.context["form"].errors

    def test_escapes_what_it_shows_again(self) -> None:
        client = Client()
        client.post(REGISTER, {**self.FORM, "first_name": "<script>alert(1)</script>"})
        assert b"<script>alert(1)" not in client.get(PROFILE).content


class TestProfile:
    def test_saves_the_names(self, browser: Client, customer: User) -> None:
        form = {"first_name": "Augusta", "last_name": "", "phone": "1", "email": customer.email}
        assert browser.post(PROFILE, form).status_code == 302
        customer.refresh_from_db()
        assert (customer.first_name, customer.last_name, customer.phone) == ("Augusta", "", "1")

    def test_a_new_email_needs_the_password(self, browser: Client, customer: User) -> None:
        form = {"first_name": "Ada", "email": "new@example.com"}
        response = browser.post(PROFILE, form)
        assert response.status_code == 400
        assert list(response.context["form"].errors) == ["current_password"]
        assert browser.post(PROFILE, {**form, "current_password": PASSWORD}).status_code == 302
        assert User.objects.get(pk=customer.pk).email == "new@example.com"


class TestAddresses:
    def test_are_added_changed_and_deleted(self, browser: Client, customer: User) -> None:
        book = reverse("accounts:addresses")
        assert browser.get(reverse("accounts:address_new")).status_code == 200
        assert browser.post(reverse("accounts:address_new"), ADDRESS)["Location"] == book
        address = customer.addresses.get()
        assert "Lindenallee 7" in browser.get(book).content.decode()
        edit = reverse("accounts:address_edit", args=[address.public_id])
        assert 'value="Lindenallee 7"' in browser.get(edit).content.decode()
        assert browser.post(edit, {**ADDRESS, "city": "Potsdam"})["Location"] == book
        address.refresh_from_db()
        assert address.city == "Potsdam"
        delete = reverse("accounts:address_delete", args=[address.public_id])
        assert browser.get(delete).status_code == 405
        assert browser.post(delete)["Location"] == book
        assert not Address.objects.exists()

    @pytest.mark.parametrize(
        ("field", "value"),
        [("full_name", ""), ("city", ""), ("postal_code", ""), ("country", "ZZ"), ("line1", "x" * 201)],
    )
    def test_are_refused_by_the_rules_of_the_api(self, browser: Client, field: str, value: str) -> None:
        response = browser.post(reverse("accounts:address_new"), {**ADDRESS, field: value})
        assert list(response.context["form"].errors) == [field]
        assert not Address.objects.exists()

    def test_have_a_limit(self, browser: Client, customer: User) -> None:
        AddressFactory.create_batch(50, user=customer)
        response = browser.post(reverse("accounts:address_new"), ADDRESS)
        assert response.status_code == 409
        assert customer.addresses.count() == 50

    @pytest.mark.parametrize("public_id", ["addr_missing", "a%00b"])
    def test_of_somebody_else_do_not_exist(self, browser: Client, public_id: str) -> None:
        foreign = AddressFactory.create()
        for name, send in (
            ("address_edit", browser.get),
            ("address_edit", browser.post),
            ("address_delete", browser.post),
        ):
            for each in (foreign.public_id, str(foreign.pk)):
                assert send(reverse(f"accounts:{name}", args=[each]), ADDRESS).status_code == 404
        assert browser.get(f"/account/addresses/{public_id}/").status_code == 404
        foreign.refresh_from_db()
        assert foreign.line1 == "Lindenallee 7"


class TestPasswordChange:
    URL = reverse("accounts:password_change")
    NEW = "difference engine 1822"

    def test_ends_every_other_session_and_every_token(self, browser: Client, customer: User) -> None:
        elsewhere, program = Client(), ApiClient.of(customer)
        elsewhere.force_login(customer)
        assert elsewhere.get(PROFILE).status_code == 200
        assert browser.get(self.URL).status_code == 200
        response = browser.post(self.URL, {"current_password": PASSWORD, "password": self.NEW})
        assert response["Location"] == PROFILE
        assert browser.get(PROFILE).status_code == 200
        assert elsewhere.get(PROFILE).status_code == 302
        assert program.get("/users/me").status_code == 401
        assert not ApiToken.objects.exists()
        assert User.objects.get(pk=customer.pk).check_password(self.NEW)

    @pytest.mark.parametrize(
        ("current", "new", "field"),
        [("wrong", NEW, "current_password"), (PASSWORD, "short", "password"), (PASSWORD, "12345678901", "password")],
    )
    def test_is_refused(self, browser: Client, customer: User, current: str, new: str, field: str) -> None:
        response = browser.post(self.URL, {"current_password": current, "password": new})
        assert response.status_code == 400
        assert list(response.context["form"].errors) == [field]
        assert User.objects.get(pk=customer.pk).check_password(PASSWORD)

    def test_is_no_place_to_guess(self, browser: Client) -> None:
        until_throttled(lambda _: browser.post(self.URL, {"current_password": "guess", "password": self.NEW}))
        assert browser.post(self.URL, {"current_password": PASSWORD, "password": self.NEW}).status_code == 429


@pytest.mark.parametrize("name", ["profile", "addresses", "address_new", "password_change"])
def test_private_pages_ask_to_sign_in_and_are_not_kept(browser: Client, name: str) -> None:
    url = reverse(f"accounts:{name}")
    assert Client().get(url)["Location"] == f"{LOGIN}?next={url}"
    assert "no-store" in browser.get(url)["Cache-Control"]
