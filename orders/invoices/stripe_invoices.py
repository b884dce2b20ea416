"""Invoices at Stripe, through its official library (docs.stripe.com/api/invoices, version 2026-08-26.dahlia)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from orders.invoices.gateway import CreditWish, InvoiceSeen, InvoiceWish, LineWish
from orders.payments.states import CURRENCY

Ask = Callable[[Callable[[], Any]], Any]
Pages = Callable[[Callable[..., Any], Mapping[str, Any]], Iterator[dict[str, Any]]]
# docs.stripe.com/api/credit_notes/create: why, in Stripe's words.
REASONS = {"short": "order_change", "goods": "product_unsatisfactory", "price": "order_change"}


class StripeInvoices:
    """`api` is the library's v1; `ask` makes a call and puts its failures into our words, `pages` reads a list."""

    def __init__(self, api: Any, ask: Ask, pages: Pages) -> None:
        self._api, self._ask, self._pages = api, ask, pages

    def _post(self, call: Callable[..., Any], *arguments: Any, key: str) -> dict[str, Any]:
        """A call that changes something, under its key."""
        return plain(self._ask(lambda: call(*arguments, {"idempotency_key": key})))

    def create_customer(self, key: str, organisation_id: int, name: str, email: str) -> str:
        """docs.stripe.com/api/customers/create"""
        params: dict[str, Any] = {"name": name, "metadata": {"organisation_id": str(organisation_id)}}
        if email:
            params["email"] = email
        return str(self._post(self._api.customers.create, params, key=key)["id"])

    def customer_of(self, organisation_id: int, since: datetime) -> str | None:
        """docs.stripe.com/api/customers/list"""
        params = {"created": {"gte": int(since.timestamp())}}
        wanted = {"organisation_id": str(organisation_id)}
        found = (
            one["id"] for one in self._pages(self._api.customers.list, params) if one.get("metadata") == wanted
        )  # fmt: skip
        return next(found, None)

    def create_invoice(self, wish: InvoiceWish) -> InvoiceSeen:
        """docs.stripe.com/api/invoices/create"""
        params = {
            "customer": wish.customer_ref, "collection_method": "send_invoice", "days_until_due": wish.terms_days,
            "currency": CURRENCY, "auto_advance": False, "description": f"账单 {wish.number}",
            "metadata": {"invoice_id": str(wish.invoice_id), "invoice_no": wish.number},
        }  # fmt: skip
        return invoice_seen(self._post(self._api.invoices.create, params, key=wish.key))

    def add_line(self, wish: LineWish) -> None:
        """docs.stripe.com/api/invoiceitems/create"""
        params = {
            "customer": wish.customer_ref, "invoice": wish.invoice_ref, "amount": wish.amount_fen,
            "currency": CURRENCY, "description": wish.words, "metadata": {"order_id": str(wish.order_id)},
        }  # fmt: skip
        self._post(self._api.invoice_items.create, params, key=wish.key)

    def finalize(self, key: str, ref: str) -> InvoiceSeen:
        """docs.stripe.com/api/invoices/finalize"""
        return invoice_seen(
            self._post(self._api.invoices.finalize_invoice, ref, {"auto_advance": False}, key=key)
        )  # fmt: skip

    def send(self, key: str, ref: str) -> InvoiceSeen:
        """docs.stripe.com/api/invoices/send"""
        return invoice_seen(self._post(self._api.invoices.send_invoice, ref, {}, key=key))

    def pay_elsewhere(self, key: str, ref: str) -> InvoiceSeen:
        """docs.stripe.com/api/invoices/pay"""
        return invoice_seen(self._post(self._api.invoices.pay, ref, {"paid_out_of_band": True}, key=key))

    def void(self, key: str, ref: str) -> InvoiceSeen:
        """docs.stripe.com/api/invoices/void"""
        return invoice_seen(self._post(self._api.invoices.void_invoice, ref, {}, key=key))

    def write_off(self, key: str, ref: str) -> InvoiceSeen:
        """docs.stripe.com/api/invoices/mark_uncollectible"""
        return invoice_seen(self._post(self._api.invoices.mark_uncollectible, ref, {}, key=key))

    def credit(self, wish: CreditWish) -> str:
        """docs.stripe.com/api/credit_notes/create"""
        params: dict[str, Any] = {
            "invoice": wish.invoice_ref, "amount": wish.amount_fen, "metadata": {"credit_id": str(wish.credit_id)},
        }  # fmt: skip
        if wish.reason in REASONS:
            params["reason"] = REASONS[wish.reason]
        if wish.paid:
            params["out_of_band_amount"] = wish.amount_fen
        return str(self._post(self._api.credit_notes.create, params, key=wish.key)["id"])

    def read_invoice(self, ref: str) -> InvoiceSeen:
        """docs.stripe.com/api/invoices/retrieve"""
        return self._whole(plain(self._ask(lambda: self._api.invoices.retrieve(ref))))

    def _whole(self, one: dict[str, Any]) -> InvoiceSeen:
        """The invoice with all its lines: the object itself holds the first few only."""
        if one["lines"]["has_more"]:
            read = lambda params: self._api.invoices.line_items.list(one["id"], params)  # noqa: E731
            one["lines"]["data"] = list(self._pages(read, {}))
        return invoice_seen(one)

    def invoices_of(self, customer_ref: str) -> Iterator[InvoiceSeen]:
        """docs.stripe.com/api/invoices/list"""
        rows = self._pages(self._api.invoices.list, {"customer": customer_ref})
        return (self._whole(one) for one in rows)

    def invoices_since(self, moment: datetime) -> Iterator[InvoiceSeen]:
        """docs.stripe.com/api/invoices/list"""
        rows = self._pages(self._api.invoices.list, {"created": {"gte": int(moment.timestamp())}})
        return (invoice_seen(one) for one in rows)

    def credits_of(self, ref: str) -> Mapping[int, str]:
        """docs.stripe.com/api/credit_notes/list"""
        rows = list(self._pages(self._api.credit_notes.list, {"invoice": ref}))
        return {number: one["id"] for one in rows for number in numbers([one], "credit_id")}


def invoice_seen(one: Mapping[str, Any]) -> InvoiceSeen:
    """An Invoice in our words. `amount_paid_off_stripe` is what was marked as paid outside."""
    return InvoiceSeen(
        ref=one["id"], status=one.get("status") or "draft", total_fen=one["total"],
        paid_fen=one["amount_paid"] - one["amount_paid_off_stripe"],
        credited_fen=one["pre_payment_credit_notes_amount"] + one["post_payment_credit_notes_amount"],
        lines=numbers(one["lines"]["data"], "order_id"), metadata=one.get("metadata") or {},
    )  # fmt: skip


def numbers(rows: list[dict[str, Any]], name: str) -> frozenset[int]:
    """Our numbers in the metadata of the provider's things."""
    found = [str((row.get("metadata") or {}).get(name, "")) for row in rows]
    return frozenset(int(text) for text in found if text.isdecimal())


def plain(answer: Any) -> dict[str, Any]:
    """The library's object as plain dictionaries."""
    return json.loads(str(answer))  # type: ignore[no-any-return]
