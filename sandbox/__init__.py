"""A stand-in for Stripe: the part of its API that the shop uses, a hosted payment page and signed webhooks.

For development and tests. It imports nothing of the shop, nor the shop of it, and needs only the standard library.
"""
