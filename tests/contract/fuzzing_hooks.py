"""Who sends Schemathesis' requests, and to what that is there. Loaded by Schemathesis itself."""

import itertools
import json
import os
import random
from pathlib import Path
from typing import Any

import schemathesis

KNOWN = json.loads(Path(os.environ["FUZZ_KNOWN"]).read_text())
TOKENS = itertools.cycle(KNOWN["tokens"])
# These end a token, or an account: were it one of the others, half of what follows would be refused.
ENDING = {"POST /api/users/logout", "POST /api/users/{user_id}/erase", "DELETE /api/users/{user_id}/tokens/{token_id}"}
SPARE = itertools.cycle(KNOWN["spare"])
NUMBERS = itertools.count()


@schemathesis.auth(refresh_interval=None)
class Bearer:
    def get(self, case: Any, context: Any) -> str:
        return str(next(SPARE if case.operation.label in ENDING else TOKENS))

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Each from an address of its own; for ids that nobody has guessed yet, two times in three those of something."""
    number = next(NUMBERS)
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    case.headers = {**(case.headers or {}), "X-Forwarded-For": address}


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    chance = random.Random(repr(path_parameters))
    return {
        name: chance.choice(KNOWN["ids"][name]) if KNOWN["ids"].get(name) and chance.random() < 0.66 else value
        for name, value in (path_parameters or {}).items()
    }
