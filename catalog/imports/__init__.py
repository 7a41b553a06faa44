"""Catalogue files into products: `readers` yields rows, `mapping` shapes them, `importer` stores them."""
