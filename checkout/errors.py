from shop.errors import Conflict


class EmptyCart(Conflict):
    code = "cart_empty"
    text = "There is nothing in the cart."


class NotDeliverable(Conflict):
    code = "not_deliverable"
    text = "We don't deliver there, or not in this way."


class MethodNotOffered(Conflict):
    code = "payment_method_not_offered"
    text = "This shop doesn't offer that way to pay. Choose another one."


class ArticleGone(Conflict):
    code = "not_sold"

    def __init__(self, skus: list[str]) -> None:
        super().__init__("An article in the cart is not sold any more.", extra={"skus": skus})
