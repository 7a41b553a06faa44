"""docs/operations names every event and every job of the clock, and no more."""

import ast
import re
from collections import defaultdict
from pathlib import Path

from celery import current_app
from celery.schedules import crontab
from django.conf import settings

from shop import subscribers
from tests.events import documented_jobs, documented_topics

ROOT = Path(__file__).resolve().parents[2]
TOPIC = re.compile(r"[a-z_]+\.[a-z_]+")
# By these names the code publishes, where the first argument is the topic.
PUBLISHING = {"publish", "tell", "_tell"}


def published() -> dict[str, set[str]]:
    """The apps that publish each topic, by the literals in their calls."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in ROOT.glob("*/apps.py"):
        for source in path.parent.rglob("*.py"):
            if not {"tests", "migrations"} & set(source.relative_to(ROOT).parts):
                for topic in topics_in(ast.parse(source.read_text())):
                    found[topic].add(path.parent.name)
    return dict(found)


def topics_in(tree: ast.AST) -> set[str]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    publishing = (call.args[0] for call in calls if ast.unparse(call.func).rpartition(".")[2] in PUBLISHING)
    literals = (node.value for first in publishing for node in ast.walk(first) if isinstance(node, ast.Constant))
    return {text for text in literals if isinstance(text, str) and TOPIC.fullmatch(text)}


def handling(topic: str) -> set[str]:
    calls = [*subscribers.handlers_of(topic), *subscribers.observers_of(topic)]
    return {call.__module__.partition(".")[0] for call in calls}


def every(schedule: object) -> str:
    if isinstance(schedule, crontab):
        return f"{min(schedule.hour):02}:{min(schedule.minute):02}"
    return f"{schedule} s"


def test_the_reader_sees_topics_and_jobs() -> None:
    assert {"order.placed", "cart.item_removed", "stock.low"} <= set(published())
    assert {"shop.tasks.relay_outbox"} <= set(documented_jobs())


def test_every_topic_is_documented_with_who_publishes_it() -> None:
    assert {topic: row.publishers for topic, row in documented_topics().items()} == published()


def test_every_topic_is_documented_with_who_handles_it() -> None:
    topics = documented_topics()
    assert {topic: row.handlers for topic, row in topics.items()} == {topic: handling(topic) for topic in topics}


def test_every_job_of_the_clock_is_documented_and_there() -> None:
    jobs = settings.CELERY_BEAT_SCHEDULE.values()
    assert documented_jobs() == {job["task"]: every(job["schedule"]) for job in jobs}
    current_app.loader.import_default_modules()
    assert {job["task"] for job in jobs} <= set(current_app.tasks)
