"""The stand-in cannot drift into fiction: what it says, and what we ask, is held against Stripe's description."""

from __future__ import annotations

import json

import pytest

from shop.sandbox.stripe.account import Account, Refused
from shop.sandbox.stripe.invoicing import Invoicing
from tests.payments.contract import OffContract, check_answer, check_request, complain, validator_of

KINDS = {
    "payment_intents": "payment_intent", "payment_methods": "payment_method", "charges": "charge",
    "refunds": "refund", "disputes": "dispute", "balance_transactions": "balance_transaction", "events": "event",
    "webhook_endpoints": "webhook_endpoint",
    "customers": "customer", "invoices": "invoice", "invoiceitems": "invoiceitem", "credit_notes": "credit_note",
}  # fmt: skip
INTENT = "http://127.0.0.1:1/v1/payment_intents"
MEANS = ["card", "alipay", "wechat_pay"]


def busy_account() -> Account:
    """An account to which everything has happened once."""
    account = Account(address="http://127.0.0.1:1")

    def intent() -> str:
        wish = {"amount": "500", "currency": "cny", "payment_method_types": MEANS, "metadata": {}}
        return str(account.create_intent(wish)["id"])

    for means in MEANS:
        for token in ("tok_visa", "tok_threeDSecure2Required", "tok_visa_createDispute", "tok_visa_chargeDeclined"):
            method, ref = account.create_method({"type": means, "card": {"token": token}}), intent()
            try:
                account.confirm(ref, {"payment_method": method["id"], "return_url": "http://127.0.0.1:1/back"})
            except Refused as declined:
                check_answer(json.dumps(declined.body))
            account.decide(ref, authorised=True)
    for charge in [one for one in account.things["charges"].values() if not one["disputed"]]:
        account.create_refund({"payment_intent": charge["payment_intent"], "amount": "100"})
    account.poor = True
    account.create_refund({"payment_intent": charge["payment_intent"], "amount": "100"})
    account.cancel(intent(), {"cancellation_reason": "abandoned"})
    account.keep_endpoint({"url": "https://shop.example/webhooks/stripe"})
    bill_everybody(account)
    return account


def bill_everybody(account: Account) -> None:
    """Invoices that ended each way, with credit notes before and after they were paid."""
    invoicing = Invoicing(account)
    customer = invoicing.create_customer({"name": "Market", "metadata": {"organisation_id": "1"}})["id"]
    for verb in ("pay", "void", "mark_uncollectible", ""):
        wish = {"customer": customer, "collection_method": "send_invoice", "days_until_due": "30", "currency": "cny"}
        ref = invoicing.create_invoice(wish)["id"]
        for amount in range(1, 13):
            invoicing.add_item({"customer": customer, "invoice": ref, "amount": str(amount), "currency": "cny"})
        invoicing.move(ref, "finalize", {})
        invoicing.move(ref, "send", {})
        invoicing.credit({"invoice": ref, "amount": "3", "reason": "order_change"})
        if verb:
            invoicing.move(ref, verb, {"paid_out_of_band": "true"})
    paid = next(one["id"] for one in account.things["invoices"].values() if one["status"] == "paid")
    invoicing.credit({"invoice": paid, "amount": "2", "out_of_band_amount": "2"})
    for line in invoicing.lines_of(paid):
        complain(validator_of("line_item"), line, "line_item")


@pytest.mark.parametrize("kind", KINDS)
def test_the_stand_in_says_only_what_stripe_would(kind: str) -> None:
    things = busy_account().things[kind].values()
    assert things
    for thing in things:
        complain(validator_of(KINDS[kind]), thing, kind)


@pytest.mark.parametrize(
    ("method", "url", "form"),
    [
        ("POST", INTENT, "amount=1.5&currency=cny"),
        ("POST", INTENT, "amount=500&currency=cny&colour=red"),
        ("POST", INTENT, "amount=500&currency=cny&payment_method_options[card][colour]=red"),
        ("POST", f"{INTENT}/pi_1/explode", ""),
        ("GET", f"{INTENT}?colour=red", None),
    ],
)
def test_what_stripe_would_not_understand_is_refused_here(method: str, url: str, form: str | None) -> None:
    with pytest.raises(OffContract):
        check_request(method, url, form)


def test_an_answer_stripe_would_not_give_is_noticed() -> None:
    account = busy_account()
    spoiled = next(iter(account.things["payment_intents"].values())) | {"amount": "5.00"}
    with pytest.raises(OffContract):
        complain(validator_of("payment_intent"), spoiled, "payment_intent")


@pytest.mark.parametrize("means", ["alipay", "wechat_pay"])
def test_beginning_with_a_wallet_is_a_request_stripe_documents(means: str) -> None:
    form = f"payment_method_data[type]={means}&return_url=https%3A%2F%2Fshop.example%2Fback"
    if means == "wechat_pay":
        form += "&payment_method_options[wechat_pay][client]=web"
    check_request("POST", f"{INTENT}/pi_1/confirm", form)
