from datetime import timedelta

import pytest
from django.contrib.sessions.backends.cached_db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import devices, operations
from accounts.models import BrowserSession, User
from accounts.operations.rules import fingerprint
from accounts.operations.sessions import network_of
from accounts.tasks import forget_old
from accounts.tests.clients import ApiClient
from accounts.tests.factories import PASSWORD, UserFactory
from shop import batches, tasks
from shop.redis import client as redis

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"
    " Mobile/15E148 Safari/604.1"
)
SECURITY = "/account/security/"


def sign_in(user: User, agent: str = FIREFOX, **headers: str) -> Client:
    client = Client(headers={"User-Agent": agent, **headers})
    response = client.post("/account/login/", {"email": user.email, "password": PASSWORD})
    assert response.status_code == 302
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/api/users/me").status_code == 200


def key_of(client: Client) -> str:
    key = client.session.session_key
    assert key
    return key


class TestList:
    def test_names_browser_network_and_time(self, customer: User) -> None:
        laptop, phone = sign_in(customer), sign_in(customer, IPHONE)
        body = laptop.get("/api/users/me/sessions").json()
        assert body["pagination"]["total"] == 2
        current = {session["device"]: session["isCurrent"] for session in body["data"]}
        assert current == {"Firefox on Linux": True, "Safari on iPhone": False}
        assert set(body["data"][0]) == {"sessionId", "device", "address", "isCurrent", "createdAt", "lastSeenAt"}
        assert body["data"][0]["address"] == "127.0.0.x"
        page = laptop.get(SECURITY).content.decode()
        assert "This browser" in page
        assert "Safari on iPhone" in page
        assert key_of(phone) not in page + str(body), "the key is the credential"

    def test_shows_nobody_elses(self, customer: User) -> None:
        sign_in(UserFactory.create())
        assert len(sign_in(customer).get("/api/users/me/sessions").json()["data"]) == 1

    def test_a_session_of_before_appears_when_it_is_seen(self, customer: User) -> None:
        client = sign_in(customer)
        BrowserSession.objects.all().delete()
        redis().delete(f"seen:{fingerprint(key_of(client))}")
        client.get(SECURITY)
        assert BrowserSession.objects.get().user == customer

    def test_is_right_to_five_minutes_and_writes_no_more(self, customer: User) -> None:
        client = sign_in(customer)
        BrowserSession.objects.update(last_seen_at=timezone.now() - timedelta(minutes=6))
        client.get(SECURITY)
        assert BrowserSession.objects.get().last_seen_at < timezone.now() - timedelta(minutes=5)
        redis().delete(f"seen:{fingerprint(key_of(client))}")
        client.get(SECURITY)
        assert BrowserSession.objects.get().last_seen_at > timezone.now() - timedelta(minutes=1)

    def test_a_token_is_no_browser(self, customer: User) -> None:
        ApiClient().post("/users/login", {"email": customer.email, "password": PASSWORD})
        assert not BrowserSession.objects.exists()

    def test_a_sign_in_without_redis_is_written_down_too(self, customer: User) -> None:
        """Forcing the sign-in: the form's own needs Redis for its throttle."""
        client = Client()
        client.force_login(customer)
        assert BrowserSession.objects.get().session_id == key_of(client)


class TestEnd:
    @pytest.mark.django_db(transaction=True)
    def test_one_ends_at_once(self, customer: User) -> None:
        laptop, phone = sign_in(customer), sign_in(customer, IPHONE)
        assert is_signed_in(phone)
        session = BrowserSession.objects.get(session_id=key_of(phone))
        assert laptop.post(f"/account/sessions/{session.public_id}/end/").headers["Location"] == SECURITY
        assert cache.get(SessionStore.cache_key_prefix + session.session_id) is None
        assert not Session.objects.filter(pk=session.session_id).exists()
        assert not is_signed_in(phone)
        assert is_signed_in(laptop)

    @pytest.mark.django_db(transaction=True)
    def test_everywhere_else(self, customer: User) -> None:
        clients = [sign_in(customer, agent) for agent in (FIREFOX, IPHONE, "curl/8.0")]
        stranger = sign_in(UserFactory.create())
        clients[1].post("/account/sessions/end/")
        assert [is_signed_in(client) for client in clients] == [False, True, False]
        assert is_signed_in(stranger)

    @pytest.mark.django_db(transaction=True)
    def test_by_json(self, customer: User) -> None:
        laptop, phone = sign_in(customer), sign_in(customer, IPHONE)
        other = next(each for each in laptop.get("/api/users/me/sessions").json()["data"] if not each["isCurrent"])
        assert laptop.delete(f"/api/users/me/sessions/{other['sessionId']}").status_code == 204
        assert not is_signed_in(phone)
        assert laptop.delete(f"/api/users/me/sessions/{other['sessionId']}").status_code == 404
        assert laptop.delete("/api/users/me/sessions").status_code == 204
        assert is_signed_in(laptop)
        assert ApiClient.of(customer).delete("/users/me/sessions").status_code == 204
        assert not is_signed_in(laptop)

    def test_anothers_is_missing(self, customer: User) -> None:
        sign_in(customer)
        session = BrowserSession.objects.get()
        other, staff = UserFactory.create(), UserFactory.create(is_staff=True, is_superuser=True)
        for caller in (ApiClient.of(other), ApiClient.of(staff)):
            for path in (
                f"/users/{customer.public_id}/sessions/{session.public_id}",
                f"/users/me/sessions/{session.public_id}",
                f"/users/{customer.public_id}/sessions",
            ):
                assert caller.delete(path).status_code == 404
            assert caller.get(f"/users/{customer.public_id}/sessions").status_code == 404
        browser = Client()
        browser.force_login(other)
        assert browser.post(f"/account/sessions/{session.public_id}/end/").status_code == 404
        assert BrowserSession.objects.filter(pk=session.pk).exists()

    @pytest.mark.django_db(transaction=True)
    def test_a_new_password_ends_all_but_its_own(self, customer: User) -> None:
        laptop, phone = sign_in(customer), sign_in(customer, IPHONE)
        form = {"current_password": PASSWORD, "password": "a quite different phrase"}
        assert laptop.post("/account/password/", form).status_code == 302
        assert is_signed_in(laptop)
        assert not is_signed_in(phone)
        laptop.get(SECURITY)
        assert [session.session_id for session in BrowserSession.objects.all()] == [key_of(laptop)]

    def test_signing_out_forgets_it(self, customer: User) -> None:
        client = sign_in(customer)
        client.post("/account/logout/")
        assert not BrowserSession.objects.exists()

    def test_a_session_that_a_release_before_deleted_is_forgotten(self, customer: User) -> None:
        kept, lost = sign_in(customer), sign_in(customer, IPHONE)
        Session.objects.filter(pk=key_of(lost))._raw_delete("default")
        assert len(kept.get("/api/users/me/sessions").json()["data"]) == 1
        forget_old()
        assert BrowserSession.objects.get().session_id == key_of(kept)

    def test_that_is_over_goes_with_what_was_known_of_it(self, customer: User, monkeypatch: pytest.MonkeyPatch) -> None:
        """A few at a time: after a crowd of visitors there are more than the worker has memory for."""
        monkeypatch.setattr(batches, "SIZE", 2)
        over = [key_of(sign_in(customer)) for _ in range(3)]
        kept = key_of(sign_in(customer))
        Session.objects.filter(pk__in=over).update(expire_date=timezone.now())
        with CaptureQueriesContext(connection) as queries:
            tasks.forget_old()
        assert BrowserSession.objects.get().session_id == Session.objects.get().pk == kept
        reads = [query["sql"] for query in queries if "session_data" in query["sql"]]
        assert len(reads) == 2, "one for each batch"


class TestWords:
    @pytest.mark.parametrize(
        ("agent", "words"),
        [
            (FIREFOX, "Firefox on Linux"),
            (IPHONE, "Safari on iPhone"),
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/138.0.0.0 Safari/537.36 Edg/138.0", "Edge on Windows"),
            ("Mozilla/5.0 (Linux; Android 15; SM-S931B) SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36",
             "Samsung Internet on Android"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/138.0.0.0 Safari/537.36", "Chrome on macOS"),
            ("Mozilla/5.0 (Windows NT 10.0)", "A browser on Windows"),
            ("<script>alert(1)</script>", "Unknown device"),
            ("", "Unknown device"),
        ],
    )  # fmt: skip
    def test_of_a_device(self, agent: str, words: str) -> None:
        assert devices.in_words(agent) == words

    @pytest.mark.parametrize(
        ("address", "rough"),
        [
            ("203.0.113.77", "203.0.113.x"),
            ("2001:db8:1:2::/64", "2001:db8:1::/48"),
            ("unknown", ""),
        ],
    )
    def test_of_an_address(self, address: str, rough: str) -> None:
        assert network_of(address) == rough

    def test_hold_any_user_agent(self, customer: User) -> None:
        operations.remember_session(
            customer,
            session_key=key_of(sign_in(customer)),
            user_agent="\x00" + "x" * 9000,
            address="127.0.0.1",
            now=timezone.now(),
        )
        sign_in(customer, "x" * 9000)


def test_a_public_page_is_still_the_same_for_everybody(client: Client) -> None:
    """To look whether somebody is signed in would make it vary by cookie."""
    assert "Cookie" not in client.get("/livez").get("Vary", "")
