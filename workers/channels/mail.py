"""Send one mail by SMTP: the same Message-ID on every try, nobody's name can become a header."""

from __future__ import annotations

import re
import smtplib
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import NoReturn
from urllib.parse import unquote, urlsplit

from shop.config import Settings
from shop.mail import OutgoingMail
from shop.outgoing import trusted_authorities
from workers.topics import GiveUp

SECONDS_TO_CONNECT, SECONDS_TO_ANSWER = 5.0, 15.0
LONGEST_HEADER = 200
# Mail servers like to repeat the address they refuse; what they say is kept, and somebody's address must not be.
ADDRESS_IN_WORDS = re.compile(r"[^\s<>,;:]+@[^\s<>,;:]+")

Picture = tuple[str, bytes]  # content id, PNG


def message_of(
    mail: OutgoingMail, settings: Settings, event_id: str, pictures: tuple[Picture, ...] = ()
) -> EmailMessage:
    """The mail as it travels: text, page, pictures inside the page. Raises GiveUp for an impossible address."""
    name, address = parseaddr(one_line(settings.mail_from))
    message = EmailMessage()
    try:
        message["From"] = Address(name, addr_spec=address)
        message["To"] = Address(addr_spec=one_line(mail.to))
    except (MessageError, ValueError, IndexError) as error:
        raise GiveUp(f"no mail can go to this address: {type(error).__name__}") from None
    message["Subject"] = one_line(mail.subject)
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = f"<{event_id}@{address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(without_surrogates(mail.text), cte="base64")
    message.add_alternative(without_surrogates(mail.html), subtype="html", cte="base64")
    page = message.get_payload()[1]  # type: ignore[index]
    for content_id, png in pictures:
        page.add_related(png, "image", "png", cid=f"<{content_id}>", disposition="inline")  # type: ignore[union-attr]
    return message


def one_line(text: str) -> str:
    """Text that stays inside its header: no line ends or other control characters, not too long."""
    visible = "".join(char if char.isprintable() else " " for char in without_surrogates(text))
    return " ".join(visible.split())[:LONGEST_HEADER]


def without_surrogates(text: str) -> str:
    """Halves of characters cannot be written as UTF-8."""
    return text.encode("utf-8", "replace").decode()


def send(message: EmailMessage, settings: Settings) -> None:
    """Hand the mail to the mail server. Raises GiveUp when it says never, anything else when later may do."""
    try:
        with connect(settings) as server:
            server.send_message(message)
    except smtplib.SMTPRecipientsRefused as refused:
        code, words = next(iter(refused.recipients.values()))
        judge(code, words, refused)
    except smtplib.SMTPResponseException as refused:
        judge(refused.smtp_code, refused.smtp_error, refused)


def judge(code: int, words: bytes | str, refused: Exception) -> NoReturn:
    """5xx is final, 4xx is not. Signing in (535) is our own fault and may be mended."""
    said = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    told = f"{code} {ADDRESS_IN_WORDS.sub('…@…', one_line(said))}"
    if code >= 500 and not isinstance(refused, smtplib.SMTPAuthenticationError):
        raise GiveUp(f"the mail server refuses: {told}") from None
    raise smtplib.SMTPResponseException(code, told) from None


def connect(settings: Settings) -> smtplib.SMTP:
    """A connection by SMTP_URL: smtps:// is encrypted from the start, smtp:// when the server offers it."""
    url = urlsplit(settings.smtp_url)
    host, context = url.hostname or "localhost", trusted_authorities()
    server: smtplib.SMTP
    if url.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, url.port or 465, timeout=SECONDS_TO_CONNECT, context=context)
    else:
        server = smtplib.SMTP(host, url.port or 25, timeout=SECONDS_TO_CONNECT)
    if server.sock is not None:
        server.sock.settimeout(SECONDS_TO_ANSWER)
    try:
        server.ehlo()
        if url.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
    except BaseException:
        server.close()
        raise
    return server
