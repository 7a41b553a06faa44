"""`bin/run`: the whole shop from a bare checkout, until Ctrl-C."""

import argparse
import hashlib
import http.client
import os
import platform
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from launcher import manage
from launcher.environment import keep_secret, kept_secret, personal_environment
from launcher.packages import RUN, install
from launcher.ports import LOOPBACK, WILDCARD, free_port, require_free
from launcher.processes import (
    Interrupted,
    Service,
    Supervisor,
    exclusive,
    execute,
    raise_on_signals,
    stop_leftovers,
)
from launcher.servers import prepare_data_dir, start_servers
from launcher.terminal import Problem, say, step

ROOT = Path(__file__).resolve().parent.parent
STAFF = "staff@example.com"
CUSTOMER = "customer@example.com"


@dataclass
class Plan:
    """What the person asked for."""

    host: str
    port: int
    data_dir: Path
    seeds: bool
    environment: dict[str, str]

    @property
    def base_url(self) -> str:
        """The address people type. Errors: Problem when it cannot be told from the host."""
        if given := self.environment.get("SHOP_BASE_URL"):
            return given.rstrip("/")
        if self.host in WILDCARD:
            raise Problem(
                f"--host {self.host} listens on every address of this machine. Say which one people will type:\n\n"
                f"    SHOP_BASE_URL=http://192.168.1.10:{self.port} bin/run --host {self.host}\n"
            )
        return f"http://{_bracketed(self.host)}:{self.port}"

    @property
    def own_host(self) -> str:
        """Where this machine reaches its own shop."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)

    @property
    def is_private(self) -> bool:
        return self.host in LOOPBACK


def main() -> int:
    started = time.monotonic()
    raise_on_signals()
    try:
        plan = _plan()
        prepare_data_dir(plan.data_dir)
        with exclusive(plan.data_dir, "bin/run"):
            _run(plan, started)
    except Problem as problem:
        say(f"\n{problem}")
        return 1
    except Interrupted as interrupted:
        say("\nStopped.")
        return 0 if interrupted.args[0] in (signal.SIGINT, signal.SIGTERM) else 1
    return 0


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _plan() -> Plan:
    environment = personal_environment(ROOT)
    parser = argparse.ArgumentParser(prog="bin/run", description="Starts the shop and all it needs; Ctrl-C stops it.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=environment.get("PORT", "8000"), help="port (%(default)s)")
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=environment.get("SHOP_DATA_DIR", str(ROOT / "var")),
        help="where the database, pictures, mails and logs live (%(default)s)",
    )
    parser.add_argument("--empty", action="store_true", help="start without the demo products and accounts")
    given = parser.parse_args()
    data_dir = given.data_dir.expanduser().resolve()
    if data_dir.exists() and not os.access(data_dir, os.W_OK):
        raise Problem(f"{data_dir} belongs to another user. Run bin/run as that user, or with --data-dir DIR.")
    return Plan(given.host, given.port, data_dir, not given.empty, environment)


def _run(plan: Plan, started: float) -> None:
    state_file = plan.data_dir / "processes.json"
    if names := stop_leftovers(state_file):
        say(f"Stopped what an earlier start left running: {', '.join(names)}.")
    require_free(plan.host, plan.port)
    environment = _shop_environment(plan)

    say(f"Starting the shop in {ROOT}")
    with step("Python") as progress:
        progress.remark = platform.python_version()
    with step("Packages") as progress:
        venv = install(ROOT, RUN, environment=plan.environment, progress=progress)
    supervisor = Supervisor(state_file)
    try:
        start_servers(supervisor, environment, venv=venv, data_dir=plan.data_dir)
        manage.remember(plan.data_dir, environment)
        _prepare(plan, environment, venv)
        _start_shop(plan, supervisor, environment, venv)
        _greet(plan, environment, time.monotonic() - started)
        supervisor.watch()
    except Interrupted:
        say("\nStopping ...")
        raise
    finally:
        supervisor.stop()
        manage.forget(plan.data_dir)


def _shop_environment(plan: Plan) -> dict[str, str]:
    """What the shop's processes see: the person's own values win over the launcher's."""
    base_url = plan.base_url
    public_host = urlsplit(base_url).hostname or plan.own_host
    ours = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONUNBUFFERED": "1",
        "SECRET_KEY": kept_secret(plan.data_dir, "secret-key"),
        "SHOP_BASE_URL": base_url,
        "ALLOWED_HOSTS": ",".join(dict.fromkeys([_bracketed(public_host), _bracketed(plan.own_host), "localhost"])),
    }
    if plan.is_private and base_url.startswith("http://"):
        ours["SHOP_DEV_PAGES"] = "true"
    if plan.seeds:
        ours["SHOP_DEMO_PASSWORD"] = kept_secret(plan.data_dir, "demo-password", length=12)
    if "STRIPE_SECRET_KEY" not in plan.environment:
        sandbox_host = plan.host if plan.host not in WILDCARD else plan.own_host
        ours |= {
            "SHOP_BANK_ACCOUNT": "A demonstration: no real account,IBAN DE00 0000 0000 0000 0000 00",
            "STRIPE_SECRET_KEY": "sk_test_sandbox",
            "STRIPE_WEBHOOK_SECRET": "whsec_" + kept_secret(plan.data_dir, "webhook-secret"),
            "STRIPE_API_BASE": f"http://{_bracketed(sandbox_host)}:{free_port(sandbox_host, plan.port + 1)}",
        }
    return ours | plan.environment | {"SHOP_DATA_DIR": str(plan.data_dir)}


def _prepare(plan: Plan, environment: dict[str, str], venv: Path) -> None:
    (plan.data_dir / "log" / "setup.log").unlink(missing_ok=True)
    _manage(plan, environment, venv, "Database tables", ["migrate", "--no-input"])
    mark = plan.data_dir / "static" / "collected-from"
    if _changed(mark, sources := _static_sources(venv)):
        _manage(plan, environment, venv, "Style sheets and icons", ["collectstatic", "--no-input"])
        mark.write_text(sources)
    if plan.seeds:
        _seed(plan, environment, venv)


def _manage(plan: Plan, environment: dict[str, str], venv: Path, title: str, command: list[str]) -> None:
    django = [str(venv / "bin" / "python"), "manage.py", *command]
    with step(title) as progress:
        log = plan.data_dir / "log" / "setup.log"
        execute(django, environment=environment, directory=ROOT, log=log, progress=progress)


def _seed(plan: Plan, environment: dict[str, str], venv: Path) -> None:
    """The demo data, once per database: what staff changed in it since stays changed."""
    if _changed(plan.data_dir / "seeded", database := _database_identity(plan, environment)):
        _manage(plan, environment, venv, "Demo shop", ["seed_demo", "--past-payments", str(_past_payments(plan))])
        keep_secret(plan.data_dir, "demo-password", environment["SHOP_DEMO_PASSWORD"])
        (plan.data_dir / "seeded").write_text(database)
    else:
        # The accounts have the password they were made with, whatever the variable says today.
        environment["SHOP_DEMO_PASSWORD"] = kept_secret(plan.data_dir, "demo-password", length=12)


def _past_payments(plan: Plan) -> Path:
    """What the demo tells the payment stand-in of the time before it was there."""
    return plan.data_dir / "sandbox" / "past.jsonl"


def _changed(mark: Path, current: str) -> bool:
    return not mark.exists() or mark.read_text() != current


def _static_sources(venv: Path) -> str:
    """Changes with any file of ours and with any package; collecting takes half of a second start otherwise."""
    digest = hashlib.sha256((venv / "installed" / RUN[-1]).read_bytes())
    for path in sorted((ROOT / "static").rglob("*")):
        facts = path.stat()
        digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}".encode())
    return digest.hexdigest()


def _database_identity(plan: Plan, environment: dict[str, str]) -> str:
    """Changes with the address, and with an embedded database that was removed and made anew."""
    made = plan.data_dir / "postgres" / "PG_VERSION"
    age = made.stat().st_mtime_ns if "DATABASE_URL" not in plan.environment else ""
    return hashlib.sha256(f"{environment['DATABASE_URL']} {age}".encode()).hexdigest()


def _start_shop(plan: Plan, supervisor: Supervisor, environment: dict[str, str], venv: Path) -> None:
    python = str(venv / "bin" / "python")
    for name, command in _commands(plan, environment).items():
        # By module, never by the scripts in .venv/bin: their first line holds the folder the checkout once was in.
        supervisor.start(
            Service(
                name=name,
                command=[python, "-m", *command],
                environment=environment,
                directory=ROOT,
                log=plan.data_dir / "log" / f"{name}.log",
            )
        )
    with step("Shop"):
        supervisor.watch(until=lambda: _is_ready(plan), seconds=90)


def _commands(plan: Plan, environment: dict[str, str]) -> dict[str, list[str]]:
    media = plan.data_dir / "media"
    media.mkdir(exist_ok=True)
    commands = {}
    if environment["STRIPE_SECRET_KEY"] == "sk_test_sandbox":
        address = urlsplit(environment["STRIPE_API_BASE"])
        webhook = f"{environment['SHOP_BASE_URL']}/webhooks/stripe"
        commands["sandbox"] = [
            "sandbox",
            "--host",
            str(address.hostname),
            "--port",
            str(address.port),
            "--data-dir",
            str(plan.data_dir / "sandbox"),
        ]
        commands["sandbox"] += ["--webhook-url", webhook, "--webhook-secret", environment["STRIPE_WEBHOOK_SECRET"]]
        if (past := _past_payments(plan)).exists():
            commands["sandbox"] += ["--past", str(past)]
    # The back-pressure is per worker and defaults to a share of the backlog: beyond it granian leaves people waiting.
    commands["web"] = ["granian", "config.wsgi:application", "--interface", "wsgi"]
    commands["web"] += ["--host", plan.host, "--port", str(plan.port), "--workers", "2", "--blocking-threads", "4"]
    commands["web"] += ["--backlog", "2048", "--backpressure", "2048", "--respawn-failed-workers"]
    commands["web"] += ["--workers-kill-timeout", "4"]
    commands["web"] += ["--static-path-route", "/media", "--static-path-mount", str(media)]
    commands["worker"] = ["celery", "-A", "config", "worker", "--pool", "threads", "--concurrency", "4", "-l", "info"]
    commands["beat"] = ["celery", "-A", "config", "beat", "--schedule", str(plan.data_dir / "beat-schedule")]
    return commands


def _is_ready(plan: Plan) -> bool:
    connection = http.client.HTTPConnection(plan.own_host, plan.port, timeout=5)
    try:
        # Through a proxy that ends TLS the shop would answer plain HTTP with a redirect; this is what the proxy says.
        connection.request("GET", "/readyz", headers={"Host": _host_header(plan), "X-Forwarded-Proto": "https"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _host_header(plan: Plan) -> str:
    return plan.base_url.split("://")[-1]


def _greet(plan: Plan, environment: dict[str, str], seconds: float) -> None:
    url = plan.base_url
    lines = [("Shop", f"{url}/"), ("Admin", f"{url}/admin/"), ("API", f"{url}/api/docs")]
    if environment.get("SHOP_DEV_PAGES") == "true":
        lines.append(("Mailbox", f"{url}/dev/mail"))
    if plan.seeds:
        lines += [("Staff", STAFF), ("Customer", CUSTOMER), ("Password", environment["SHOP_DEMO_PASSWORD"])]
    say(f"\nThe shop is ready after {seconds:.1f} s. Ctrl-C stops it.\n")
    for title, value in lines:
        say(f"  {title:<10}{value}")
    if environment["STRIPE_SECRET_KEY"] == "sk_test_sandbox":
        say("\nPayments go to a stand-in on this machine: no money moves. Card 4242 4242 4242 4242 pays.")
    if not plan.is_private and url.startswith("http://"):
        say("\nOver plain http everybody on the way reads passwords and orders. Put a proxy with https before the shop")
        say("and set SHOP_BASE_URL=https://...")
    say()
