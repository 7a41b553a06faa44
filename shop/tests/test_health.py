import json
from typing import Any

import pytest
from celery import current_app
from django.core.management import call_command
from django.db import DatabaseError
from django.test import Client

from accounts.models import User
from accounts.tests.clients import ApiClient
from accounts.tests.factories import StaffFactory
from shop import health, invariants
from shop.invariants import Invariant
from shop.models import OutboxEvent
from shop.redis import client


@pytest.fixture
def worker() -> None:
    run_task("shop.tasks.heartbeat")


@pytest.fixture
def no_worker() -> None:
    client().delete(health.HEARTBEAT)


def run_task(name: str) -> None:
    current_app.loader.import_default_modules()
    current_app.tasks[name].run()


@pytest.mark.django_db
class TestProbes:
    def test_livez_asks_nobody(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            assert Client().get("/livez").json() == {"status": "alive"}

    def test_readyz_names_what_it_asked(self, worker: None) -> None:
        response = Client().get("/readyz")
        assert response.status_code == 200
        checks = {"database": True, "redis": True, "migrations": True, "worker": True}
        assert response.json() == {"ready": True, "checks": checks}

    def test_a_worker_that_gives_no_sign_is_told_of_and_the_shop_sells_on(self, no_worker: None) -> None:
        response = Client().get("/readyz")
        assert response.status_code == 200
        assert (response.json()["ready"], response.json()["checks"]["worker"]) == (True, False)

    def test_the_sign_of_life_lasts_a_minute(self, worker: None) -> None:
        assert 50 < int(client().ttl(health.HEARTBEAT)) <= 60

    @pytest.mark.usefixtures("no_redis")
    def test_without_redis_the_shop_still_sells(self) -> None:
        response = Client().get("/readyz")
        assert response.status_code == 200
        assert (response.json()["checks"]["redis"], response.json()["checks"]["worker"]) == (False, False)

    def test_without_its_database_it_is_not_ready(self, worker: None, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> bool:
            raise DatabaseError("secret")

        monkeypatch.setattr(health, "_database", fail)
        response = Client().get("/readyz")
        assert response.status_code == 503
        assert response.json()["checks"] == {"database": False, "redis": True, "migrations": False, "worker": True}
        assert "secret" not in response.text
        assert Client().get("/health").status_code == 503

    def test_it_is_not_ready_before_its_migrations(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "_seen_migrated", False)
        monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda *_: ["shop.0002"])
        assert Client().get("/readyz").status_code == 503

    def test_health_has_the_specifications_words_and_no_totals(self) -> None:
        body = Client().get("/health").json()
        assert body.keys() == {"status", "timestamp"}
        assert body["status"] == "healthy"

    def test_totals_are_for_staff_who_may_see_what_is_counted(self, browser: Client) -> None:
        def seen(client: Any) -> set[str]:
            return {name for name in client.get("/health").json() if name.startswith("total")}

        clerk = Client()
        clerk.force_login(StaffFactory.create(permissions=["orders.view_order"]))
        boss = StaffFactory.create(is_superuser=True)
        staff = Client()
        staff.force_login(boss)
        program = Client(headers={"Authorization": f"Bearer {ApiClient.of(boss).bearer}"})
        everything = {"totalProducts", "totalOrders", "totalUsers"}
        assert [seen(each) for each in (Client(), browser, clerk, staff, program)] == [
            set(), set(), {"totalOrders"}, everything, everything,
        ]  # fmt: skip
        assert staff.get("/health").json()["totalUsers"] == User.objects.count() > 0

    def test_staff_see_what_waits_in_the_outbox(self, admin_browser: Client, browser: Client) -> None:
        for n, state in enumerate(["pending", "pending", "dead", "done"]):
            OutboxEvent.objects.create(topic="test", dedupe_key=str(n), state=state)
        assert admin_browser.get("/readyz").json()["outbox"] == {"pending": 2, "dead": 1}
        assert "outbox" not in browser.get("/readyz").json()

    def test_probes_are_not_sent_to_https(self, settings: Any) -> None:
        settings.SECURE_SSL_REDIRECT = True
        assert [Client().get(path).status_code for path in ("/livez", "/readyz", "/health", "/")] == [
            200,
            200,
            200,
            301,
        ]


@pytest.mark.django_db
class TestVerifyInvariants:
    @pytest.fixture
    def registry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Holds, unproved, broken: one of each."""
        monkeypatch.setattr(invariants, "_registry", {})
        invariants.register(
            Invariant("T1", "holds", "SELECT 1 AS n WHERE false", "SELECT 5"),
            Invariant("T2", "proves nothing", "SELECT 1 AS n WHERE false", "SELECT 0"),
        )

    def plant(self) -> None:
        invariants.register(
            Invariant("T3", "is broken", "SELECT n, 'x%' AS sku FROM generate_series(1, 500) n", "SELECT 500")
        )

    def test_it_passes_when_all_hold(self, registry: None, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("verify_invariants")
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[:2] for line in lines] == [["holds", "T1"], ["unproved", "T2"], ["unproved:", "nothing"]]

    def test_it_exits_1_when_one_is_broken(self, registry: None, capsys: pytest.CaptureFixture[str]) -> None:
        self.plant()
        with pytest.raises(SystemExit) as end:
            call_command("verify_invariants", json=True)
        assert end.value.code == 1
        findings = json.loads(capsys.readouterr().out)
        assert [(finding["code"], finding["verdict"]) for finding in findings] == [
            ("T1", "holds"),
            ("T2", "unproved"),
            ("T3", "BROKEN"),
        ]
        assert findings[2]["rows"][0] == {"n": 1, "sku": "x%"}
        assert len(findings[2]["rows"]) == invariants.MAX_ROWS

    def test_a_code_names_one_invariant(self, registry: None) -> None:
        with pytest.raises(ValueError, match="T1"):
            invariants.register(Invariant("T1", "another", "SELECT 1", "SELECT 1"))

    def test_all_of_the_shops_own_can_be_asked(self) -> None:
        call_command("verify_invariants")
