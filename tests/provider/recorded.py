"""The payment stand-in with its calls written down, and what was written."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.params import parse
from tests.provider import sdk


@dataclass(frozen=True)
class Call:
    """One request of the shop and the stand-in's answer. `form` is as it was sent."""

    method: str
    path: str
    form: str
    headers: dict[str, str]
    status: int
    body: dict[str, Any]

    @property
    def name(self) -> str:
        return sdk.contract_of(self.method, self.path)[0]

    def problems(self) -> list[str]:
        found = sdk.problems_of_request(self.method, self.path, parse(self.form))
        if self.status < 300:
            found += sdk.problems_of_answer(self.method, self.path, self.body)
        elif not isinstance(self.body.get("error", {}).get("type"), str):
            found.append("an error without its type")
        return [f"{self.method} {self.path} {problem}" for problem in found]


def read(path: Path) -> list[Call]:
    return [Call(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []
