"""Mails: no name becomes a header (E6), refusals end or wait (E2), the same Message-ID on every try."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shop.config import Settings, load_settings
from shop.mail import OutgoingMail
from shop.sandbox.mail import MailSink
from shop.sandbox.processes import free_port
from shop.sandbox.services import scratch_folder, start_mail_sink
from workers.channels.mail import judge, message_of, send
from workers.topics import GiveUp

EVENT = "6f1c9f6e-0000-4000-8000-000000000001"


def settings_to(smtp_url: str) -> Settings:
    return load_settings(app_env="test", database_url="postgresql://x/y", redis_url="redis://x", smtp_url=smtp_url)


SETTINGS = settings_to("smtp://127.0.0.1:1")


def mail(subject: str = "Hello", to: str = "a@mail.example", text: str = "text") -> OutgoingMail:
    return OutgoingMail(to, subject, text, f"<p>{text}</p>")


@pytest.fixture(scope="module")
def sink() -> Iterator[MailSink]:
    """A mail server that stores what it gets."""
    with scratch_folder() as folder:
        server = start_mail_sink(folder)
        yield server
        server.stop()


def read(path: Path):  # type: ignore[no-untyped-def]
    return BytesParser(policy=policy.default).parsebytes(path.read_bytes())


NASTY = ["a\r\nBcc: evil@mail.example", "x" * 10_000, "\u202eevil", "🥔🥚", "a\nSubject: other", "\ud800", "a\0b", ""]


@pytest.mark.parametrize("name", NASTY)
def test_e6_names_stay_inside_their_header_and_arrive(sink: MailSink, name: str) -> None:
    before = set(sink.mails.glob("*.eml"))
    send(message_of(mail(f"Order for {name}", text=name), SETTINGS, EVENT), settings_to(sink.url))
    (path,) = set(sink.mails.glob("*.eml")) - before
    got = read(path)
    assert got["Bcc"] is None
    assert got.get_all("X-Envelope-To") == ["a@mail.example"]
    assert len(got.get_all("Subject")) == 1
    assert got["Message-ID"] == f"<{EVENT}@yarlung.example>"


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80))
def test_e6_no_text_makes_another_header(name: str) -> None:
    raw = message_of(mail(name, text=name), SETTINGS, EVENT).as_bytes(policy=policy.SMTP)
    headers = {line.split(b":")[0] for line in raw.split(b"\r\n\r\n")[0].split(b"\r\n") if not line.startswith(b" ")}
    assert headers <= {
        *(b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted", b"MIME-Version"),
        *(b"Content-Type", b"Content-Transfer-Encoding"),
    }


@pytest.mark.parametrize("address", ["a@mail.example\r\nBcc: b@x.example", "nobody", "", "a b@@c", "<>"])
def test_an_impossible_address_is_given_up(address: str) -> None:
    with pytest.raises(GiveUp):
        message_of(mail(to=address), SETTINGS, EVENT)


def test_a_picture_stands_in_the_page(sink: MailSink) -> None:
    before = set(sink.mails.glob("*.eml"))
    send(message_of(mail(), SETTINGS, EVENT, (("pickup-code", b"\x89PNG"),)), settings_to(sink.url))
    (path,) = set(sink.mails.glob("*.eml")) - before
    kinds = [part.get_content_type() for part in read(path).walk()]
    assert kinds == ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]


@pytest.mark.parametrize("code", [421, 450, 451])
def test_e2_not_now_is_tried_again(code: int) -> None:
    with pytest.raises(smtplib.SMTPResponseException):
        judge(code, b"later", smtplib.SMTPResponseException(code, b"later"))


@pytest.mark.parametrize("code", [550, 554])
def test_e2_never_is_given_up(code: int) -> None:
    with pytest.raises(GiveUp, match=str(code)):
        judge(code, b"no such mailbox", smtplib.SMTPResponseException(code, b"no"))


def test_e1_a_mail_server_that_is_away_is_tried_again() -> None:
    with pytest.raises(OSError, match="refused"):
        send(message_of(mail(), SETTINGS, EVENT), settings_to(f"smtp://127.0.0.1:{free_port()}"))
