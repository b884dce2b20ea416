"""The shapes of Stripe's objects (API 2026-08-26.dahlia), as far as the shop reads and its schema demands."""

from __future__ import annotations

import secrets
import time
from typing import Any

API_VERSION = "2026-08-26.dahlia"
Thing = dict[str, Any]


def new_id(prefix: str) -> str:
    """An id as Stripe makes them."""
    return f"{prefix}_{secrets.token_hex(12)}"


def base(kind: str, prefix: str) -> Thing:
    """What every object has."""
    return {"id": new_id(prefix), "object": kind, "created": int(time.time()), "livemode": False}


def payment_intent(params: Thing) -> Thing:
    """docs.stripe.com/api/payment_intents/object"""
    one = base("payment_intent", "pi")
    return one | {
        "amount": params["amount"], "amount_capturable": 0, "amount_details": {"tip": {}}, "amount_received": 0,
        "application": None, "application_fee_amount": None, "automatic_payment_methods": None, "canceled_at": None,
        "cancellation_reason": None, "capture_method": "automatic_async",
        "client_secret": f"{one['id']}_secret_{secrets.token_hex(8)}", "confirmation_method": "automatic",
        "currency": params["currency"], "customer": None, "description": params.get("description"),
        "excluded_payment_method_types": None, "last_payment_error": None, "latest_charge": None,
        "metadata": params.get("metadata", {}), "next_action": None, "on_behalf_of": None, "payment_method": None,
        "payment_method_configuration_details": None, "payment_method_options": {},
        "payment_method_types": params["payment_method_types"], "processing": None,
        "receipt_email": params.get("receipt_email"), "review": None, "setup_future_usage": None, "shipping": None,
        "statement_descriptor": None, "statement_descriptor_suffix": None, "status": "requires_payment_method",
        "transfer_data": None, "transfer_group": None,
    }  # fmt: skip


def payment_method(params: Thing) -> Thing:
    """docs.stripe.com/api/payment_methods/object"""
    kind = params["type"]
    one = base("payment_method", "pm") | {
        "allow_redisplay": "unspecified", "customer": None, "metadata": {}, "type": kind,
        "billing_details": {"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
        kind: {},
    }  # fmt: skip
    if kind == "card":
        one["card"] = {
            "brand": "visa", "checks": None, "country": "US", "exp_month": 12, "exp_year": 2034, "funding": "credit",
            "last4": "4242", "display_brand": "visa", "fingerprint": None, "generated_from": None, "networks": None,
            "regulated_status": "unregulated", "three_d_secure_usage": {"supported": True}, "wallet": None,
        }  # fmt: skip
    return one


def charge(intent: Thing, method: Thing) -> Thing:
    """docs.stripe.com/api/charges/object"""
    kind = method["type"]
    details: Thing = {"type": kind, kind: {}}
    if kind == "card":
        details["card"] = {
            "brand": "visa", "checks": None, "country": "US", "exp_month": 12, "exp_year": 2034, "funding": "credit",
            "last4": "4242", "network": "visa", "three_d_secure": None, "wallet": None, "amount_authorized": None,
            "mandate": None, "installments": None, "authorization_code": None,
        }  # fmt: skip
    return base("charge", "ch" if kind == "card" else "py") | {
        "amount": intent["amount"], "amount_captured": intent["amount"], "amount_refunded": 0, "application": None,
        "application_fee": None, "application_fee_amount": None, "balance_transaction": None,
        "billing_details": {"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
        "calculated_statement_descriptor": None, "captured": True, "currency": intent["currency"], "customer": None,
        "description": intent["description"], "disputed": False, "failure_balance_transaction": None,
        "failure_code": None, "failure_message": None, "fraud_details": {}, "metadata": intent["metadata"],
        "on_behalf_of": None, "outcome": None, "paid": True, "payment_intent": intent["id"],
        "payment_method": method["id"], "payment_method_details": details,
        "receipt_email": intent["receipt_email"], "receipt_number": None, "receipt_url": None, "refunded": False,
        "review": None, "shipping": None, "source_transfer": None, "statement_descriptor": None,
        "statement_descriptor_suffix": None, "status": "succeeded", "transfer_data": None, "transfer_group": None,
    }  # fmt: skip


def refund(charged: Thing, params: Thing) -> Thing:
    """docs.stripe.com/api/refunds/object"""
    return base("refund", "re") | {
        "amount": params["amount"], "balance_transaction": None, "charge": charged["id"],
        "currency": charged["currency"], "metadata": params.get("metadata", {}),
        "payment_intent": charged["payment_intent"], "reason": params.get("reason"), "receipt_number": None,
        "source_transfer_reversal": None, "status": "succeeded", "transfer_reversal": None,
    }  # fmt: skip


def balance_transaction(kind: str, source: Thing, amount: int, fee: int) -> Thing:
    """docs.stripe.com/api/balance_transactions/object"""
    now = int(time.time())
    return {
        "id": new_id("txn"), "object": "balance_transaction", "created": now, "available_on": now, "amount": amount,
        "balance_type": "payments", "currency": source["currency"], "description": None, "exchange_rate": None,
        "fee": fee, "fee_details": [], "net": amount - fee, "reporting_category": kind, "source": source["id"],
        "status": "available", "type": kind,
    }  # fmt: skip


def webhook_endpoint(url: str) -> Thing:
    """docs.stripe.com/api/webhook_endpoints/object"""
    return base("webhook_endpoint", "we") | {
        "api_version": API_VERSION, "application": None, "description": None, "enabled_events": ["*"],
        "metadata": {}, "status": "enabled", "url": url,
    }  # fmt: skip


def event(kind: str, thing: Thing) -> Thing:
    """docs.stripe.com/api/events/object"""
    return base("event", "evt") | {
        "api_version": API_VERSION, "data": {"object": thing}, "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None}, "type": kind,
    }  # fmt: skip


def customer(params: Thing) -> Thing:
    """docs.stripe.com/api/customers/object"""
    return base("customer", "cus") | {
        "name": params.get("name"), "email": params.get("email"), "metadata": params.get("metadata", {}),
    }  # fmt: skip


def invoice(billed: Thing, params: Thing) -> Thing:
    """docs.stripe.com/api/invoices/object"""
    one = base("invoice", "in")
    days = int(params.get("days_until_due", 0))
    return one | {
        "amount_due": 0, "amount_overpaid": 0, "amount_paid": 0, "amount_paid_off_stripe": 0, "amount_remaining": 0,
        "amount_shipping": 0, "attempt_count": 0, "attempted": False,
        "auto_advance": params.get("auto_advance") == "true",
        "automatic_tax": {"enabled": False, "disabled_reason": None, "liability": None, "provider": None,
                          "status": None},
        "collection_method": params.get("collection_method", "charge_automatically"),
        "currency": params.get("currency", "cny"), "customer": billed["id"], "customer_email": billed["email"],
        "customer_name": billed["name"], "default_tax_rates": [], "description": params.get("description"),
        "discounts": [], "due_date": one["created"] + days * 86400, "effective_at": None, "hosted_invoice_url": None,
        "issuer": {"type": "self"},
        "lines": {"object": "list", "data": [], "has_more": False, "url": f"/v1/invoices/{one['id']}/lines"},
        "metadata": params.get("metadata", {}), "number": None,
        "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        "period_end": one["created"], "period_start": one["created"], "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0, "starting_balance": 0, "status": "draft",
        "status_transitions": {"finalized_at": None, "marked_uncollectible_at": None, "paid_at": None,
                               "voided_at": None},
        "subtotal": 0, "total": 0,
    }  # fmt: skip


def invoice_item(params: Thing) -> Thing:
    """docs.stripe.com/api/invoiceitems/object"""
    one = base("invoiceitem", "ii")
    now = one.pop("created")
    return one | {
        "amount": params["amount"], "currency": params["currency"], "customer": params["customer"], "date": now,
        "description": params.get("description"), "discountable": True, "discounts": [],
        "invoice": params["invoice"], "metadata": params.get("metadata", {}), "period": {"end": now, "start": now},
        "proration": False, "quantity": 1, "quantity_decimal": "1", "tax_rates": [],
    }  # fmt: skip


def invoice_line(item: Thing) -> Thing:
    """docs.stripe.com/api/invoice-line-item/object"""
    return {
        "id": f"il_{item['id'].removeprefix('ii_')}", "object": "line_item", "amount": item["amount"],
        "currency": item["currency"], "description": item["description"], "discountable": True, "discounts": [],
        "discount_amounts": [], "invoice": item["invoice"], "livemode": False, "metadata": item["metadata"],
        "period": item["period"], "quantity": 1, "subtotal": item["amount"], "taxes": [],
    }  # fmt: skip


def credit_note(billed: Thing, params: Thing, after_payment: bool) -> Thing:
    """docs.stripe.com/api/credit_notes/object"""
    one = base("credit_note", "cn")
    amount = params["amount"]
    line = {
        "id": new_id("cnli"), "object": "credit_note_line_item", "amount": amount, "description": params.get("memo"),
        "discount_amount": 0, "discount_amounts": [], "livemode": False, "pretax_credit_amounts": [], "quantity": 1,
        "tax_rates": [], "taxes": None, "type": "custom_line_item", "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }  # fmt: skip
    return one | {
        "amount": amount, "amount_shipping": 0, "currency": billed["currency"], "customer": billed["customer"],
        "customer_balance_transaction": None, "discount_amount": 0, "discount_amounts": [], "effective_at": None,
        "invoice": billed["id"],
        "lines": {"object": "list", "data": [line], "has_more": False, "url": f"/v1/credit_notes/{one['id']}/lines"},
        "memo": params.get("memo"), "metadata": params.get("metadata", {}), "number": f"{billed['number']}-CN",
        "out_of_band_amount": amount if after_payment else None, "pdf": "https://pay.stripe.com/credit_notes/pdf",
        "post_payment_amount": amount if after_payment else 0, "pre_payment_amount": 0 if after_payment else amount,
        "pretax_credit_amounts": [], "reason": params.get("reason"), "refunds": [], "shipping_cost": None,
        "status": "issued", "subtotal": amount, "subtotal_excluding_tax": amount, "total": amount,
        "total_excluding_tax": amount, "type": "post_payment" if after_payment else "pre_payment", "voided_at": None,
    }  # fmt: skip
