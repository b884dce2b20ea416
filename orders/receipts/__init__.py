"""Receipts for consumers: what an order's money was for, when it came and went. Not 发票."""
