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


class TooManyUnits(Conflict):
    code = "too_many_units"

    def __init__(self, name: str, item_id: str, left: int) -> None:
        text = (
            f"Only {left} of {name} {'is' if left == 1 else 'are'} left for this."
            if left
            else f"None of {name} is left for this."
        )
        super().__init__(text, extra={"itemId": item_id, "left": left})


class NothingToShip(Conflict):
    code = "nothing_to_ship"
    text = "Every unit is in a parcel already."


class WrongParcelState(Conflict):
    code = "wrong_parcel_state"

    def __init__(self, current: str, wanted: str, why: str = "") -> None:
        super().__init__(why or f"A parcel that is {current} can't become {wanted}.", extra={"status": current})


class ShipmentNotFound(NotFound):
    code = "shipment_not_found"
    text = "There is no such parcel."


class ReturnNotFound(NotFound):
    code = "return_not_found"
    text = "There is no such return."


class ReturnRefused(Conflict):
    """Too late, or nothing arrived yet."""

    code = "return_refused"
    text = "The time for returns of this order is over."


class WrongReturnState(Conflict):
    code = "wrong_return_state"

    def __init__(self, current: str, wanted: str) -> None:
        super().__init__(f"A return that is {current} can't become {wanted}.", extra={"status": current})
