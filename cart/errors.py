from shop.errors import Conflict, NotFound


class CartNotFound(NotFound):
    code = "cart_not_found"
    text = "There is no such cart."


class CartClosed(Conflict):
    code = "cart_closed"
    text = "This cart was already ordered. Start a new one."


class QuantityLimit(Conflict):
    code = "quantity_limit"

    def __init__(self, limit: int) -> None:
        text = f"At most {limit} of one article in an order."
        super().__init__(text, fields={"quantity": [text]}, extra={"limit": limit})


class CartFull(Conflict):
    code = "cart_full"

    def __init__(self, limit: int) -> None:
        super().__init__(f"At most {limit} different articles in an order.", extra={"limit": limit})


class TooManyHeld(Conflict):
    """`limit` is what one cart, account or guest's address may have set aside at a time."""

    code = "too_many_held"

    def __init__(self, limit: int) -> None:
        text = f"No more than {limit} units can be set aside for you at a time. Order some of them first."
        super().__init__(text, fields={"quantity": [text]}, extra={"limit": limit})


class TooManyCoupons(Conflict):
    code = "too_many_coupons"

    def __init__(self, limit: int) -> None:
        super().__init__(f"At most {limit} codes in an order. Take one out first.", extra={"limit": limit})


class NotSold(Conflict):
    code = "not_sold"
    text = "This article is not sold any more."
