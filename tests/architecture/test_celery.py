"""What keeps a task from being lost, and from being run by two workers at once (docs/operations/running.md)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
# Longer than this a message may wait in the broker until the visibility timeout hands it to a second worker, and a
# broker that forgets forgets the wish: what is for later stands in PostgreSQL.
MAX_COUNTDOWN = 300


def test_a_task_survives_its_worker() -> None:
    conf = current_app.conf
    assert conf.task_acks_late and conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert conf.task_ignore_result and conf.result_backend is None
    assert conf.broker_transport_options == settings.CELERY_BROKER_TRANSPORT_OPTIONS


def test_a_task_ends_before_the_broker_hands_it_to_another_worker() -> None:
    conf = current_app.conf
    visibility = conf.broker_transport_options["visibility_timeout"]
    assert 0 < conf.task_soft_time_limit < conf.task_time_limit < visibility


def test_no_task_says_otherwise() -> None:
    current_app.loader.import_default_modules()
    ours = {name: task for name, task in current_app.tasks.items() if not name.startswith("celery.")}
    assert {"shop.tasks.relay_outbox", "webhooks.tasks.deliver"} <= set(ours)
    for name, task in ours.items():
        assert task.acks_late and task.reject_on_worker_lost and task.ignore_result, name
        limits = (task.soft_time_limit, task.time_limit)
        assert limits == (settings.CELERY_TASK_SOFT_TIME_LIMIT, settings.CELERY_TASK_TIME_LIMIT), name


def far_off(tree: ast.AST) -> Iterator[str]:
    """Calls that send a task for later than `MAX_COUNTDOWN`, or for a time that only running tells."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for keyword in call.keywords:
            if keyword.arg == "eta":
                yield ast.unparse(call)
            elif keyword.arg == "countdown":
                seconds = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
                if not isinstance(seconds, int) or seconds > MAX_COUNTDOWN:
                    yield ast.unparse(call)


def test_nothing_waits_in_the_broker_for_long() -> None:
    for path in (source for app in ROOT.glob("*/apps.py") for source in app.parent.rglob("*.py")):
        if "tests" not in path.relative_to(ROOT).parts:
            assert list(far_off(ast.parse(path.read_text()))) == [], path
    assert not any({"eta", "countdown"} & set(job.get("options", {})) for job in settings.CELERY_BEAT_SCHEDULE.values())


@pytest.mark.parametrize(
    ("code", "is_far_off"),
    [
        ("task.apply_async(countdown=301)", True),
        ("task.apply_async(countdown=wait)", True),
        ("send_task('x', eta=tomorrow)", True),
        ("task.apply_async(countdown=300)", False),
        ("send_task('x', expires=10)", False),
    ],
)
def test_the_rule_sees_what_waits(code: str, is_far_off: bool) -> None:
    assert bool(list(far_off(ast.parse(code)))) == is_far_off
