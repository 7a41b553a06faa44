"""Invoices and credit notes: what is due is written, numbered without a gap, and never changed."""

from .issue import catch_up, next_number, write_what_is_due
from .pdf import render

__all__ = ["catch_up", "next_number", "render", "write_what_is_due"]
