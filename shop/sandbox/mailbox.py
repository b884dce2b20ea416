"""Read the mails the sandbox delivered: the list, one mail, its parts."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from itertools import islice
from pathlib import Path

from shop.sandbox.mail import RECIPIENT, SENDER

NAME = re.compile(r"\d{8}T\d{6}\.\d{6}-[0-9a-f]{6}")
PER_PAGE = 30
MOST_SEARCHED = 5_000  # a filter looks at no more than the newest of them


class NoSuchMail(Exception):
    """The mailbox holds no mail of that name."""


@dataclass(frozen=True)
class MailLine:
    """A mail as the list shows it."""

    id: str
    at: datetime
    sender: str
    recipients: tuple[str, ...]
    subject: str


@dataclass(frozen=True)
class Attachment:
    """A part of a mail that is not its text: a picture inside the page, or a file."""

    number: int
    name: str
    content_type: str
    content_id: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Mail:
    """A mail as it is read."""

    line: MailLine
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    attachments: tuple[Attachment, ...]


@dataclass(frozen=True)
class MailPage:
    """A stretch of the list, newest first."""

    mails: tuple[MailLine, ...]
    page: int
    has_more: bool


def list_mails(folder: Path, *, recipient: str = "", page: int = 1) -> MailPage:
    """The newest mails first; only those to an address that contains `recipient` if it is given."""
    names = sorted((path.stem for path in folder.glob("*.eml")), reverse=True)
    lines = (line for name in names[:MOST_SEARCHED] if (line := _line_of(folder, name)) is not None)
    wanted = recipient.strip().lower()
    if wanted:
        lines = (line for line in lines if any(wanted in to.lower() for to in line.recipients))
    first = (page - 1) * PER_PAGE
    found = tuple(islice(lines, first, first + PER_PAGE + 1))
    return MailPage(found[:PER_PAGE], page, len(found) > PER_PAGE)


def read_raw(folder: Path, mail_id: str) -> bytes:
    """The mail as it came in. Raises NoSuchMail, also for names that are no mail's."""
    if NAME.fullmatch(mail_id):
        with contextlib.suppress(FileNotFoundError):
            return (folder / f"{mail_id}.eml").read_bytes()
    raise NoSuchMail(mail_id)


def read_mail(folder: Path, mail_id: str) -> Mail:
    """The mail taken apart. Raises NoSuchMail."""
    message = message_from_bytes(read_raw(folder, mail_id), policy=policy.default)
    attachments = tuple(
        _attachment(number, part)
        for number, part in enumerate(message.walk())
        if not part.is_multipart() and part.get_content_maintype() != "text"
    )
    return Mail(
        line=_describe(mail_id, message),
        headers=tuple((name, str(value)) for name, value in message.items()),
        text=_body(message, "plain"),
        html=_body(message, "html"),
        attachments=attachments,
    )


def html_for_reading(mail: Mail, address_of: dict[str, str]) -> str:
    """The mail's page: its own pictures at `address_of` their content ids, links that leave the frame."""
    html = mail.html
    for content_id, address in address_of.items():
        html = html.replace(f"cid:{content_id}", address)
    return f'<base target="_top">{html}'


def _line_of(folder: Path, name: str) -> MailLine | None:
    """The line of one file; None for a file that is no mail of ours or that vanished."""
    if not NAME.fullmatch(name):
        return None
    try:
        with (folder / f"{name}.eml").open("rb") as file:
            return _describe(name, BytesHeaderParser(policy=policy.default).parse(file))
    except FileNotFoundError:
        return None


def _describe(name: str, message: EmailMessage) -> MailLine:
    return MailLine(
        id=name,
        at=datetime.strptime(name.partition("-")[0], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC),
        sender=str(message.get("From") or message.get(SENDER) or ""),
        recipients=tuple(str(to) for to in message.get_all(RECIPIENT, [])),
        subject=str(message.get("Subject") or ""),
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def _attachment(number: int, part: EmailMessage) -> Attachment:
    content = part.get_payload(decode=True)
    return Attachment(
        number=number,
        name=part.get_filename() or f"part-{number}",
        content_type=part.get_content_type(),
        content_id=str(part.get("Content-ID") or "").strip("<> "),
        content=content if isinstance(content, bytes) else b"",
    )
