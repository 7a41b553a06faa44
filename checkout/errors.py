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


class NotEditable(Conflict):
    code = "not_editable"
    text = "This order can't be changed any more."


class EditNeedsOrder(Conflict):
    """Of a paid order only less can be made. More, or something else, is paid for by an order of its own."""

    code = "edit_needs_order"
    text = "This order is paid. Place another order for what you want besides."


class PaymentBegun(Conflict):
    code = "payment_begun"
    text = "A payment of this order has just begun. Look at it again in a moment."
