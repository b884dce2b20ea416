"""Why a payment was refused, in the customer's words: what to do, never what the bank's machine said."""

from __future__ import annotations

from flask_babel import gettext


def _(text: str) -> str:
    """The text in the reader's language."""
    return str(gettext(text))


def refusal_text(code: str) -> str:
    """A sentence for a decline or error code (docs.stripe.com/declines/codes); '' for none."""
    if not code:
        return ""
    texts = {
        "insufficient_funds": _("There is not enough money on this card. Please pay another way."),
        "lost_card": _("Your bank refused the payment. Please call it, or pay another way."),
        "stolen_card": _("Your bank refused the payment. Please call it, or pay another way."),
        "expired_card": _("This card has expired. Please use another one."),
        "incorrect_cvc": _("The security code of the card is not right. Please type it again."),
        "authentication_required": _("Your bank wants to know that it is you. Please try again and confirm there."),
        "payment_intent_authentication_failure": _("The payment was not confirmed. You can try again."),
        "payment_intent_unexpected_state": _("This payment has moved on. Please look at the order."),
    }
    return texts.get(code, _("Your bank refused the payment. Nothing was taken; please try again or pay another way."))
