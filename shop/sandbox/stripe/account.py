"""The state of the account and its rules: who may pay what, when; what may go back. One lock around all of it."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shop.sandbox.stripe import objects
from shop.sandbox.stripe.objects import Thing

KINDS = (
    "payment_intents", "payment_methods", "charges", "refunds", "disputes", "balance_transactions", "events",
    "webhook_endpoints",
    "customers", "invoices", "invoiceitems", "credit_notes",
)  # fmt: skip
PAYABLE = {"requires_payment_method", "requires_confirmation", "requires_action"}
MEANS = {"card", "alipay", "wechat_pay"}
# https://docs.stripe.com/testing: what these cards do.
DECLINES = {
    "tok_visa_chargeDeclined": "generic_decline",
    "tok_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
}
ASKS = {"tok_threeDSecure2Required", "tok_threeDSecureRequired"}
REFUNDS = {"tok_visa_pendingRefund": "pending", "tok_visa_refundFail": "failed"}
DISPUTES = {"tok_visa_createDispute"}
# Stripe's price for cards of the country, near enough for books to have fees in them: 3.4 % + ¥2.00.
FEE_PERMILLE, FEE_FEN = 34, 200
# At least about half a US dollar (docs.stripe.com/currencies); at most eight digits.
SMALLEST_FEN, LARGEST_FEN = 400, 99_999_999


class Refused(Exception):
    """A request Stripe answers with an error: HTTP status, type, code and words."""

    def __init__(self, status: int, code: str, words: str, **more: Any) -> None:
        super().__init__(words)
        kind = "card_error" if status == 402 else "invalid_request_error"
        self.status, self.body = (
            status,
            {"error": {"type": more.pop("type", kind), "code": code, "message": words, **more}},
        )


class Account:
    """Everything the account knows, kept in one file so that a restart forgets nothing."""

    def __init__(self, file: Path | None = None, address: str = "") -> None:
        self.lock, self.file, self.address = threading.RLock(), file, address
        self.things: dict[str, dict[str, Thing]] = {kind: {} for kind in KINDS}
        self.answers: dict[str, Any] = {}
        self.hidden: dict[str, str] = {}
        self.poor = False  # its balance is empty: refunds wait
        self.on_event: Callable[[Thing], None] = lambda _event: None
        if file is not None and file.exists():
            kept = json.loads(file.read_text())
            self.things |= kept["things"]
            self.answers, self.hidden = kept["answers"], kept["hidden"]

    def keep(self) -> None:
        """Write the state down."""
        if self.file is not None:
            growing = self.file.with_suffix(".part")
            growing.write_text(json.dumps({"things": self.things, "answers": self.answers, "hidden": self.hidden}))
            growing.rename(self.file)

    def get(self, kind: str, ref: str) -> Thing:
        """One object. Refused 404 `resource_missing`."""
        found = self.things[kind].get(ref)
        if found is None:
            name = kind.removesuffix("s")
            raise Refused(404, "resource_missing", f"No such {name}: '{ref}'", param="id")
        return found

    def put(self, kind: str, thing: Thing) -> Thing:
        """Keep an object."""
        self.things[kind][thing["id"]] = thing
        return thing

    def tell(self, kind: str, thing: Thing) -> None:
        """Something happened: one more event, sent to whoever listens."""
        made = self.put("events", objects.event(kind, copy.deepcopy(thing)))
        self.on_event(made)

    def age(self, ref: str, seconds: int) -> None:
        """A payment, its charge and the news of both are older by that: a lever for tests."""
        names = {ref, self.get("payment_intents", ref)["latest_charge"]}
        news = [one for one in self.things["events"].values() if one["data"]["object"]["id"] in names]
        known = (self.things["payment_intents"] | self.things["charges"]).values()
        for one in (*news, *(one["data"]["object"] for one in news), *(one for one in known if one["id"] in names)):
            one["created"] -= seconds

    def create_intent(self, params: Thing) -> Thing:
        """Ask for money."""
        amount = whole(params, "amount")
        if not SMALLEST_FEN <= amount <= LARGEST_FEN:
            code = "amount_too_small" if amount < SMALLEST_FEN else "amount_too_large"
            raise Refused(400, code, "Invalid amount", param="amount")
        if params.get("currency") != "cny":
            raise Refused(400, "parameter_invalid_empty", "This account takes cny", param="currency")
        means = params.get("payment_method_types") or ["card"]
        if not set(means) <= MEANS:
            raise Refused(400, "payment_intent_invalid_parameter", "Unknown method", param="payment_method_types")
        made = self.put(
            "payment_intents", objects.payment_intent(params | {"amount": amount, "payment_method_types": means})
        )
        self.tell("payment_intent.created", made)
        return made

    def create_method(self, params: Thing) -> Thing:
        """A card by its test token, or a wallet."""
        if params.get("type") not in MEANS:
            raise Refused(400, "parameter_invalid_string", "Unknown type", param="type")
        made = self.put("payment_methods", objects.payment_method(params))
        self.hidden[made["id"]] = (params.get("card") or {}).get("token", "")
        return made

    def confirm(self, ref: str, params: Thing) -> Thing:
        """The customer wants to pay."""
        intent = self.get("payment_intents", ref)
        self.must_be(intent, PAYABLE, "confirm")
        if "payment_method_data" in params:
            method = self.create_method(params["payment_method_data"])
        elif "payment_method" in params:
            method = self.get("payment_methods", params["payment_method"])
        else:
            raise Refused(400, "payment_intent_unexpected_state", "A payment method is missing", payment_intent=intent)
        if method["type"] not in intent["payment_method_types"]:
            raise Refused(400, "payment_intent_invalid_parameter", "This type is not allowed", param="payment_method")
        token = self.hidden.get(method["id"], "")
        intent |= {"payment_method": method["id"], "last_payment_error": None, "next_action": None}
        if token in DECLINES:
            self.decline(intent, method, DECLINES[token])
            raise Refused(402, "card_declined", "Your card was declined.", decline_code=DECLINES[token],
                          payment_intent=intent)  # fmt: skip
        if method["type"] == "card" and token not in ASKS:
            return self.succeed(intent)
        if not params.get("return_url"):
            raise Refused(400, "parameter_missing", "A return_url is needed", param="return_url")
        return self.wait_for_customer(intent, method["type"], params["return_url"])

    def wait_for_customer(self, intent: Thing, means: str, return_url: str) -> Thing:
        """The wallet's or the bank's page comes first."""
        page = f"{self.address}/test/authorize/{intent['id']}"
        steps: dict[str, Thing] = {
            "alipay": {"type": "alipay_handle_redirect", "alipay_handle_redirect": {
                "native_data": None, "native_url": None, "return_url": return_url, "url": page}},
            "wechat_pay": {"type": "wechat_pay_display_qr_code", "wechat_pay_display_qr_code": {
                "data": page, "hosted_instructions_url": page, "image_data_url": "data:image/png;base64,",
                "image_url_png": page, "image_url_svg": page}},
            "card": {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": page}},
        }  # fmt: skip
        intent |= {"status": "requires_action", "next_action": steps[means]}
        self.hidden[f"return:{intent['id']}"] = return_url
        self.tell("payment_intent.requires_action", intent)
        return intent

    def decide(self, ref: str, *, authorised: bool) -> str:
        """What the customer does on the wallet's or bank's page; where it sends them."""
        intent = self.get("payment_intents", ref)
        if intent["status"] == "requires_action":
            method = self.get("payment_methods", intent["payment_method"])
            if authorised:
                self.succeed(intent)
            else:
                self.decline(intent, method, "", code="payment_intent_authentication_failure")
        return self.hidden.get(f"return:{ref}", "")

    def decline(self, intent: Thing, method: Thing, decline_code: str, code: str = "card_declined") -> None:
        """Nothing was taken; the customer may try again."""
        error: Thing = {"type": "card_error" if decline_code else "invalid_request_error", "code": code,
                        "message": "The payment was refused.", "payment_method": method}  # fmt: skip
        if decline_code:
            error["decline_code"] = decline_code
        intent |= {"status": "requires_payment_method", "last_payment_error": error, "next_action": None,
                   "payment_method": None}  # fmt: skip
        self.tell("payment_intent.payment_failed", intent)

    def succeed(self, intent: Thing) -> Thing:
        """The money is there."""
        method = self.get("payment_methods", intent["payment_method"])
        charged = self.put("charges", objects.charge(intent, method))
        fee = charged["amount"] * FEE_PERMILLE // 1000 + FEE_FEN
        line = objects.balance_transaction(
            "charge" if method["type"] == "card" else "payment", charged, charged["amount"], fee
        )
        charged["balance_transaction"] = self.put("balance_transactions", line)["id"]
        intent |= {"status": "succeeded", "amount_received": intent["amount"], "latest_charge": charged["id"],
                   "next_action": None}  # fmt: skip
        self.hidden[charged["id"]] = self.hidden.get(method["id"], "")
        self.tell("charge.succeeded", charged)
        self.tell("payment_intent.succeeded", intent)
        if self.hidden[charged["id"]] in DISPUTES:
            self.open_dispute(charged["id"])
        return intent

    def cancel(self, ref: str, params: Thing) -> Thing:
        """Nobody can pay any more."""
        intent = self.get("payment_intents", ref)
        self.must_be(intent, PAYABLE, "cancel")
        intent |= {"status": "canceled", "canceled_at": intent["created"], "next_action": None,
                   "cancellation_reason": params.get("cancellation_reason")}  # fmt: skip
        self.tell("payment_intent.canceled", intent)
        return intent

    def must_be(self, intent: Thing, states: set[str], verb: str) -> None:
        """Refused 400 in any other state."""
        if intent["status"] not in states:
            words = f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}."
            raise Refused(400, "payment_intent_unexpected_state", words, payment_intent=intent)

    def create_refund(self, params: Thing) -> Thing:
        """Money back."""
        intent = self.get("payment_intents", params.get("payment_intent", ""))
        if intent["latest_charge"] is None:
            raise Refused(400, "payment_intent_unexpected_state", "This PaymentIntent has no successful charge.")
        charged = self.get("charges", intent["latest_charge"])
        left = charged["amount"] - charged["amount_refunded"]
        if left == 0:
            raise Refused(400, "charge_already_refunded", f"Charge {charged['id']} has already been refunded.")
        amount = whole(params, "amount") if "amount" in params else left
        if not 0 < amount <= left:
            raise Refused(400, "amount_too_large", "Refund amount is greater than unrefunded amount", param="amount")
        if charged["disputed"]:
            raise Refused(400, "charge_disputed", "This charge is disputed.")
        made = self.put("refunds", objects.refund(charged, params | {"amount": amount}))
        made["status"] = "pending" if REFUNDS.get(self.hidden.get(charged["id"], "")) else "succeeded"
        self.hidden[made["id"]] = REFUNDS.get(self.hidden.get(charged["id"], ""), "")
        if self.poor:
            made |= {"status": "pending", "pending_reason": "insufficient_funds"}
        self.count_refund(charged, made, amount)
        self.tell("refund.created", made)
        self.tell("charge.refunded", charged)
        return made

    def count_refund(self, charged: Thing, made: Thing, amount: int) -> None:
        """The charge and the balance after money went back (or came again, negative)."""
        charged["amount_refunded"] += amount
        charged["refunded"] = charged["amount_refunded"] == charged["amount"]
        kind = "refund" if amount > 0 else "refund_failure"
        line = self.put("balance_transactions", objects.balance_transaction(kind, made, -amount, 0))
        made["balance_transaction" if amount > 0 else "failure_balance_transaction"] = line["id"]

    def settle_refunds(self) -> None:
        """Refunds that the bank took its time for come to their end."""
        for made in list(self.things["refunds"].values()):
            if made["status"] == "pending":
                failed = self.hidden.get(made["id"]) == "failed"
                made["status"] = "failed" if failed else "succeeded"
                made.pop("pending_reason", None)
                if failed:
                    made["failure_reason"] = "declined"
                    self.count_refund(self.get("charges", made["charge"]), made, -made["amount"])
                self.tell("refund.failed" if failed else "refund.updated", made)

    def keep_endpoint(self, wish: Thing) -> Thing:
        """Where messages go: one endpoint an address, of the version and for the events that are named, or all."""
        events = wish["events"].split(",") if "events" in wish else ["*"]
        known = (one for one in self.things["webhook_endpoints"].values() if one["url"] == wish["url"])
        made = next(known, None) or self.put("webhook_endpoints", objects.webhook_endpoint(wish["url"]))
        made |= {"enabled_events": events, "api_version": wish.get("api_version", objects.API_VERSION)}
        return made

    def open_dispute(self, charge_ref: str) -> Thing:
        """The customer's bank asks for the money back."""
        charged = self.get("charges", charge_ref)
        made = self.put("disputes", objects.base("dispute", "dp") | {
            "amount": charged["amount"], "balance_transactions": [], "charge": charge_ref,
            "currency": charged["currency"], "enhanced_eligibility_types": [], "evidence": {"enhanced_evidence": {}},
            "evidence_details": {"due_by": charged["created"] + 7 * 86400, "enhanced_eligibility": {},
                                 "has_evidence": False, "past_due": False, "submission_count": 0},
            "is_charge_refundable": False, "metadata": {}, "payment_intent": charged["payment_intent"],
            "reason": "fraudulent", "status": "needs_response",
        })  # fmt: skip
        charged["disputed"] = True
        self.tell("charge.dispute.created", made)
        return made

    def close_dispute(self, ref: str, *, won: bool) -> Thing:
        """The bank has decided."""
        made = self.get("disputes", ref)
        made["status"] = "won" if won else "lost"
        self.tell("charge.dispute.closed", made)
        return made


def whole(params: Thing, name: str) -> int:
    """A parameter that must be a whole number."""
    text = str(params.get(name, ""))
    if not text.lstrip("-").isdecimal():
        raise Refused(400, "parameter_invalid_integer", f"Invalid integer: {text}", param=name)
    return int(text)
