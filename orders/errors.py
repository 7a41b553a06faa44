from collections.abc import Iterable

from shop.errors import Conflict, NotFound


class OrderNotFound(NotFound):
    code = "order_not_found"
    text = "There is no such order."


class InvalidTransition(Conflict):
    code = "invalid_transition"

    def __init__(self, current: str, wanted: str, allowed: Iterable[str]) -> None:
        allowed = sorted(allowed)
        text = f"An order that is {current} can't become {wanted}."
        super().__init__(text, extra={"status": current, "allowed": allowed})


class NotCancellable(InvalidTransition):
    def __init__(self, current: str, allowed: Iterable[str]) -> None:
        super().__init__(current, "cancelled", allowed)
        self.text = "This order can't be cancelled any more: a parcel has left."
