from shop.errors import Conflict, DomainError, NotFound


class NotBought(DomainError):
    code = "not_bought"
    status = 403
    text = "Only people who have bought and received it can review it."


class AlreadyReviewed(Conflict):
    code = "already_reviewed"
    text = "You have reviewed this already. Change your review instead."


class ReviewNotFound(NotFound):
    code = "review_not_found"
    text = "There is no such review."
