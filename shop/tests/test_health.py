import json
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.test import Client

from shop import health, invariants
from shop.invariants import Invariant


@pytest.mark.django_db
class TestProbes:
    def test_livez_asks_nobody(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            assert Client().get("/livez").json() == {"status": "alive"}

    def test_readyz_names_what_it_asked(self) -> None:
        response = Client().get("/readyz")
        assert response.status_code == 200
        assert response.json() == {"ready": True, "checks": {"database": True, "redis": True, "migrations": True}}

    @pytest.mark.usefixtures("no_redis")
    def test_without_redis_the_shop_still_sells(self) -> None:
        response = Client().get("/readyz")
        assert response.status_code == 200
        assert response.json()["checks"]["redis"] is False

    def test_without_its_database_it_is_not_ready(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> bool:
            raise DatabaseError("secret")

        monkeypatch.setattr(health, "_database", fail)
        response = Client().get("/readyz")
        assert response.status_code == 503
        assert response.json()["checks"] == {"database": False, "redis": True, "migrations": False}
        assert Client().get("/health").status_code == 503

    def test_it_is_not_ready_before_its_migrations(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "_seen_migrated", False)
        monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda *_: ["shop.0002"])
        assert Client().get("/readyz").status_code == 503

    def test_health_has_the_specifications_words_and_no_totals(self) -> None:
        body = Client().get("/health").json()
        assert body.keys() == {"status", "timestamp"}
        assert body["status"] == "healthy"

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
