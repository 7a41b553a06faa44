"""What the person in front of the terminal reads."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

WIDTH = 26


class Problem(Exception):
    """Something the person can understand and act on; shown as text, without a traceback."""


def say(text: str = "") -> None:
    print(text, flush=True)


class Step:
    """One line of progress: a title, an optional remark, and the seconds it took."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.remark = ""
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def show_progress(self, text: str) -> None:
        if sys.stdout.isatty():
            print(f"\r  {self.title:<{WIDTH}}{self.seconds:6.1f} s  {text[:40]:<40}", end="", flush=True)

    def show_result(self, word: str) -> None:
        start = "\r" if sys.stdout.isatty() else ""
        say(f"{start}  {self.title:<{WIDTH}}{self.seconds:6.1f} s  {self.remark or word:<40}".rstrip())


@contextmanager
def step(title: str) -> Iterator[Step]:
    current = Step(title)
    current.show_progress("")
    try:
        yield current
    except BaseException:
        current.remark = ""
        current.show_result("failed")
        raise
    current.show_result("")
