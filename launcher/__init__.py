"""Starts the shop and its servers from a bare checkout. Standard library only: packages come later."""
