from collections.abc import Iterable

from shop.errors import Conflict


class InvalidTransition(Conflict):
    code = "invalid_transition"

    def __init__(self, current: str, wanted: str, allowed: Iterable[str]) -> None:
        allowed = sorted(allowed)
        text = f"An order that is {current} can't become {wanted}."
        super().__init__(text, extra={"status": current, "allowed": allowed})


class NotCancellable(Conflict):
    code = "not_cancellable"
    text = "This order can't be cancelled any more: a parcel has left."
