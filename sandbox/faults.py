"""Faults that a test switches on to see whether the shop survives them: one field each; a restart clears them."""

from dataclasses import asdict, dataclass
from typing import Any

from sandbox.errors import ApiError


@dataclass
class Faults:
    webhooks: str = "deliver"  # or "drop": lost for good; or "duplicate": each is sent twice

    def update(self, values: Any) -> None:
        """Turn the given knobs. Raises ApiError (400), and changes nothing, on an unknown knob or position."""
        if not isinstance(values, dict):
            raise ApiError("Faults are a JSON object.")
        for name, position in values.items():
            if position not in POSITIONS.get(name, ()):
                raise ApiError(f"Unknown fault {name}: {position}. The knobs are {POSITIONS}.", param=name)
        for name, position in values.items():
            setattr(self, name, position)

    def body(self) -> dict[str, Any]:
        return asdict(self)


POSITIONS = {"webhooks": ("deliver", "drop", "duplicate")}
