"""The tables of docs/operations, as the tests read them."""

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs" / "operations"


@dataclass(frozen=True)
class Topic:
    payload: set[str]
    publishers: set[str]
    handlers: set[str]


def documented_topics() -> dict[str, Topic]:
    rows = (cells for cells in table(DOCS / "events.md") if len(cells) == 5)
    return {
        names[0]: Topic(set(re.findall(r"`(\w+)`", payload)), set(publishers.split()), set(handlers.split()))
        for topic, _, payload, publishers, handlers in rows
        if (names := re.findall(r"`([a-z_]+\.[a-z_]+)`", topic))
    }


def documented_jobs() -> dict[str, str]:
    rows = (cells for cells in table(DOCS / "running.md") if len(cells) == 3 and ".tasks." in cells[0])
    return {task.strip("`"): every for task, every, _ in rows}


def table(file: Path) -> list[list[str]]:
    lines = file.read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
