"""table.txt: who gets which answer. A line has a method, a route, whose object it names, an answer for each persona.

Objects: `own` of the persona, `anothers` (Anna's; Ben's for Anna), `in-own` (another's, named below one's own account
or cart), `missing`; `there`, `withdrawn` for what has no owner; `-` where the route names none.
Answers: a status; `sign-in`, `confirm` for the way to those pages; `provider` where it gets as far as the payment
provider, whom nobody may ask in a test's transaction; `-` where the persona has no such object.
A line `ADMIN` is a model's pages in the admin: letters tell which open: List, Add, Change, Delete, History.
A method without a line is answered 405 to everybody.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("table.txt")
PERSONAS = ("anonymous", "guest", "anna", "ben", "support", "catalogue", "admin")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MODEL_PAGES = "ADMIN"


@dataclass(frozen=True)
class Line:
    method: str
    path: str
    thing: str
    answers: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.method, self.path, self.thing


def read() -> list[Line]:
    lines = []
    for text in FILE.read_text().splitlines():
        if text and not text.startswith("#"):
            method, path, thing, *answers = text.split()
            assert len(answers) == len(PERSONAS), text
            lines.append(Line(method, path, thing, tuple(answers)))
    return lines


def write(lines: Iterable[Line]) -> None:
    head = (
        "# What it means: table.py. Written by `python -m tests.authorization --write`, to be read before it is kept."
    )
    rows = [("# method", "route", "object", *PERSONAS), *((*line.key, *line.answers) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    aligned = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    FILE.write_text("\n".join([head, *aligned]) + "\n")


def missing_from_file(paths: Iterable[str]) -> list[str]:
    """One line for each route that the file does not know, or that it alone knows."""
    routed, written = set(paths), {line.path for line in read()}
    return [
        *(f"{path} has no line in {FILE.name}" for path in sorted(routed - written)),
        *(f"{path} is in {FILE.name} and nowhere else" for path in sorted(written - routed)),
    ]
