"""Faults that a test switches on to see whether the shop survives them; a restart clears them.

A knob strikes a share of what passes it, drawn from a generator of its own seed, and counts how often it struck.
"""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from sandbox.errors import ApiError

# What befalls a call of the API, before or after it had its effect.
CALLS = (
    "timeout_before",  # silence for `seconds`, then the connection ends
    "timeout_after",
    "error_before",  # a 500; nothing has happened and the key is free
    "error_after",  # a 500; it has happened, and the 500 is the key's answer from then on
    "rate_limited",  # a 429 that asks to wait `seconds`; nothing has happened
    "bad_json",  # it has happened, and the answer breaks off in the middle
    "reset_before",  # the connection is reset
    "reset_after",
)
# What befalls a message to the shop.
WEBHOOKS = (
    "webhook_missing",  # lost for good
    "webhook_duplicated",  # sent `times` more
    "webhook_delayed",  # sent `seconds` later
    "webhook_reordered",  # sent after the next one, or after `seconds` when none comes
    "webhook_forged",  # signed wrongly the first time; sent again as it should be, as every refused one
)
KNOBS = CALLS + WEBHOOKS
POSITIONS = ("deliver", "drop", "duplicate")


@dataclass
class Knob:
    """`rate` is 0 to 1; `only` limits it to calls ("POST /v1/refunds", "* /v1/checkout/*") or to event types; after
    `at_most` strikes it is spent."""

    rate: float = 1.0
    seed: int = 0
    only: str = "*"
    seconds: float = 12.0
    times: int = 1
    at_most: int | None = None
    struck: int = 0
    chance: random.Random = field(default_factory=random.Random, repr=False)

    def strikes(self, subject: str) -> bool:
        if not fnmatchcase(subject, self.only) or self.struck == self.at_most:
            return False
        hit = self.chance.random() < self.rate
        self.struck += hit
        return hit


@dataclass
class Faults:
    webhooks: str = "deliver"  # or "drop": lost for good; or "duplicate": each is sent twice
    knobs: dict[str, Knob] = field(default_factory=dict)
    struck: Counter[str] = field(default_factory=Counter)
    calls: int = 0  # of the API, those struck among them
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def update(self, values: dict[str, Any]) -> None:
        """Turn the given knobs; null turns one off. Raises ApiError (400), and changes nothing, when one is wrong."""
        knobs = {name: _knob(name, given) for name, given in values.items() if name != "webhooks"}
        position = values.get("webhooks", self.webhooks)
        if position not in POSITIONS:
            raise ApiError(f"Unknown position {position} of webhooks: {', '.join(POSITIONS)}.", param="webhooks")
        with self._lock:
            self.webhooks = position
            for name, knob in knobs.items():
                self.knobs.pop(name, None)
                if knob:
                    self.knobs[name] = knob

    def strike_call(self, subject: str) -> tuple[str, Knob] | None:
        """The fault that befalls this call ("POST /v1/refunds"): the first that strikes."""
        with self._lock:
            self.calls += 1
        return next(self._striking(CALLS, subject), None)

    def strike_webhook(self, name: str, event_type: str) -> Knob | None:
        return next((knob for _, knob in self._striking((name,), event_type)), None)

    def _striking(self, names: tuple[str, ...], subject: str) -> Iterator[tuple[str, Knob]]:
        for name in names:
            with self._lock:
                knob = self.knobs.get(name)
                hit = knob is not None and knob.strikes(subject)
                self.struck[name] += hit
            if knob and hit:
                yield name, knob

    def body(self) -> dict[str, Any]:
        """The knobs as they stand. `struck` counts since the start, whatever was turned meanwhile."""
        with self._lock:
            shown = {
                name: {key: value for key, value in asdict(knob).items() if key not in ("chance", "struck")}
                for name, knob in self.knobs.items()
            }
        return {"webhooks": self.webhooks, **shown}


def _knob(name: str, given: Any) -> Knob | None:
    if name not in KNOBS:
        raise ApiError(f"Unknown fault {name}. The knobs are webhooks, {', '.join(KNOBS)}.", param=name)
    if given is None:
        return None
    allowed = {"rate": float, "seed": int, "only": str, "seconds": float, "times": int, "at_most": int}
    if not isinstance(given, dict) or not given.keys() <= allowed.keys():
        raise ApiError(f"Fault {name} takes {', '.join(allowed)}.", param=name)
    for key, value in given.items():
        kinds = (int, float) if allowed[key] is float else (allowed[key],)
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise ApiError(f"Fault {name}: {key} must be of type {allowed[key].__name__}.", param=f"{name}[{key}]")
    knob = Knob(**given)
    if not 0 <= knob.rate <= 1 or knob.seconds < 0 or knob.times < 0:
        raise ApiError(f"Fault {name}: the rate is 0 to 1, and nothing is negative.", param=name)
    knob.chance = random.Random(f"{name} {knob.seed}")
    return knob
