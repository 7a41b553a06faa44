from collections.abc import Sequence
from typing import Any

from shop.errors import Conflict


class PriceChanged(Conflict):
    """The buyer saw another total than the one that holds now. Nothing was charged; the new one has to be accepted."""

    code = "price_changed"
    text = "A price has changed. Look at the new total before you order."

    def __init__(self, *, shown_minor: int, total_minor: int, lines: Sequence[dict[str, Any]] = ()) -> None:
        self.lines = list(lines)
        super().__init__(extra={"shownTotalMinor": shown_minor, "totalMinor": total_minor, "lines": self.lines})
