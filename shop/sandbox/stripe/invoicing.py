"""Customers, invoices, their items and credit notes in the stand-in's account (docs.stripe.com/invoicing/overview)."""

from __future__ import annotations

import time
from collections.abc import Callable

from shop.sandbox.stripe import objects
from shop.sandbox.stripe.account import Account, Refused, whole
from shop.sandbox.stripe.objects import Thing

# As many lines as an invoice holds itself; the rest is read page by page.
LINES_INSIDE, MOST_LINES = 10, 250
REASONS = {"duplicate", "fraudulent", "order_change", "product_unsatisfactory"}


class Invoicing:
    """The part of the account that bills; under the account's lock like everything."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.verbs: dict[str, Callable[[Thing, Thing], str]] = {
            "finalize": self.finalize, "send": self.send, "pay": self.pay, "void": self.void,
            "mark_uncollectible": self.write_off,
        }  # fmt: skip

    def create_customer(self, params: Thing) -> Thing:
        """Somebody to bill."""
        made = self.account.put("customers", objects.customer(params))
        self.account.tell("customer.created", made)
        return made

    def create_invoice(self, params: Thing) -> Thing:
        """A draft without lines."""
        customer = self.account.get("customers", params.get("customer", ""))
        if params.get("collection_method") == "send_invoice" and "days_until_due" not in params:
            raise Refused(400, "parameter_missing", "days_until_due is needed", param="days_until_due")
        made = self.account.put("invoices", objects.invoice(customer, params))
        self.account.tell("invoice.created", made)
        return made

    def add_item(self, params: Thing) -> Thing:
        """One more line of a draft."""
        invoice = self.account.get("invoices", params.get("invoice", ""))
        self.must_be(invoice, {"draft"}, "add items to")
        if len(self.lines_of(invoice["id"])) >= MOST_LINES:
            raise Refused(400, "invoice_no_customer_line_items", "This invoice has too many lines")
        item = self.account.put("invoiceitems", objects.invoice_item(params | {"amount": whole(params, "amount")}))
        self.account.tell("invoiceitem.created", item)
        self.refresh(invoice)
        return item

    def add_by_hand(self, ref: str, amount: int) -> None:
        """Somebody adds a line in the Dashboard: a lever for tests."""
        invoice = self.account.get("invoices", ref)
        params = {"invoice": ref, "customer": invoice["customer"], "currency": "cny", "amount": amount}
        self.account.put("invoiceitems", objects.invoice_item(params))
        self.refresh(invoice)

    def lines_of(self, ref: str) -> list[Thing]:
        """The invoice's lines in the order they were added."""
        items = [one for one in self.account.things["invoiceitems"].values() if one["invoice"] == ref]
        return [objects.invoice_line(item) for item in items]

    def refresh(self, invoice: Thing) -> None:
        """The invoice's lines and sums after a change."""
        lines = self.lines_of(invoice["id"])
        total = sum(line["amount"] for line in lines)
        before, after = invoice["pre_payment_credit_notes_amount"], invoice["amount_paid"]
        invoice["lines"] |= {"data": lines[:LINES_INSIDE], "has_more": len(lines) > LINES_INSIDE}
        due = total - before
        invoice |= {"subtotal": total, "total": total, "amount_due": due, "amount_remaining": due - after}

    def move(self, ref: str, verb: str, params: Thing) -> Thing:
        """Finalise, send, pay, void or write off."""
        invoice = self.account.get("invoices", ref)
        happened = self.verbs[verb](invoice, params)
        self.refresh(invoice)
        self.account.tell(happened, invoice)
        return invoice

    def finalize(self, invoice: Thing, _params: Thing) -> str:
        """Nothing changes any more; without anything to pay it is paid at once."""
        self.must_be(invoice, {"draft"}, "finalize")
        if not self.lines_of(invoice["id"]):
            raise Refused(400, "invoice_no_customer_line_items", "Nothing to invoice for customer")
        now = int(time.time())
        invoice |= {"status": "open", "number": f"{invoice['id'][-8:].upper()}-0001", "effective_at": now,
                    "hosted_invoice_url": f"{self.account.address}/i/{invoice['id']}"}  # fmt: skip
        invoice["status_transitions"]["finalized_at"] = now
        return "invoice.finalized"

    def send(self, invoice: Thing, _params: Thing) -> str:
        """Mail it; drafts are finalised by that."""
        if invoice["status"] == "draft":
            self.finalize(invoice, {})
        self.must_be(invoice, {"open", "uncollectible", "paid"}, "send")
        if invoice["collection_method"] != "send_invoice":
            raise Refused(400, "invoice_not_editable", "You can only manually send an invoice to be paid by hand.")
        return "invoice.sent"

    def pay(self, invoice: Thing, params: Thing) -> str:
        """Only outside: the stand-in's customers have no card on file."""
        self.must_be(invoice, {"open", "uncollectible"}, "pay")
        if params.get("paid_out_of_band") != "true":
            raise Refused(400, "invoice_payment_intent_requires_action", "There is no default payment method.")
        paid = invoice["amount_remaining"]
        invoice |= {"amount_paid": paid, "amount_paid_off_stripe": paid}
        self.close(invoice, "paid", "paid_at")
        return "invoice.paid"

    def void(self, invoice: Thing, _params: Thing) -> str:
        """It was wrong."""
        self.must_be(invoice, {"open", "uncollectible"}, "void")
        self.close(invoice, "void", "voided_at")
        return "invoice.voided"

    def write_off(self, invoice: Thing, _params: Thing) -> str:
        """Nobody expects its money any more."""
        self.must_be(invoice, {"open"}, "mark as uncollectible")
        self.close(invoice, "uncollectible", "marked_uncollectible_at")
        return "invoice.marked_uncollectible"

    def close(self, invoice: Thing, status: str, moment: str) -> None:
        """Its new state, and since when."""
        invoice["status"] = status
        invoice["status_transitions"][moment] = int(time.time())

    def credit(self, params: Thing) -> Thing:
        """Something taken off; of a paid invoice it must say where the money goes."""
        invoice = self.account.get("invoices", params.get("invoice", ""))
        self.must_be(invoice, {"open", "paid", "uncollectible"}, "credit")
        amount, after = whole(params, "amount"), invoice["status"] == "paid"
        credited = invoice["pre_payment_credit_notes_amount"] + invoice["post_payment_credit_notes_amount"]
        if not 0 < amount <= invoice["total"] - credited or (not after and amount > invoice["amount_remaining"]):
            raise Refused(400, "credit_note_amount_too_large", "The credit note is larger than the invoice")
        if params.get("reason", "order_change") not in REASONS:
            raise Refused(400, "parameter_unknown", "Unknown reason", param="reason")
        if after and whole(params, "out_of_band_amount") != amount:
            raise Refused(400, "parameter_invalid_integer", "Say where the money of a paid invoice goes")
        made = self.account.put("credit_notes", objects.credit_note(invoice, params | {"amount": amount}, after))
        invoice["post_payment_credit_notes_amount" if after else "pre_payment_credit_notes_amount"] += amount
        self.refresh(invoice)
        if not after and invoice["amount_remaining"] == 0:
            self.close(invoice, "paid", "paid_at")
            self.account.tell("invoice.paid", invoice)
        self.account.tell("credit_note.created", made)
        return made

    def must_be(self, invoice: Thing, states: set[str], verb: str) -> None:
        """Refused 400 in any other state."""
        if invoice["status"] not in states:
            words = f"You can't {verb} an invoice that is {invoice['status']}."
            raise Refused(400, "invoice_not_editable", words)
