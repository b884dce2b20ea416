"""The mailbox shows each mail as it was sent, finds it by its reader, and opens nothing else."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest

from shop.sandbox.mail import store
from shop.sandbox.mailbox import PER_PAGE, NoSuchMail, html_for_reading, list_mails, read_mail, read_raw


def a_mail(folder: Path, *, to: str = "tashi@example.cn", subject: str = "Sold", picture: bool = False) -> str:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "雅砻集 <shop@example.cn>", to, subject
    message.set_content("Three bags of 红皮土豆")
    html = '<p>Three bags of 红皮土豆</p><img src="cid:code"><a href="http://127.0.0.1/x">see</a>'
    message.add_alternative(html, subtype="html")
    if picture:
        page = message.get_body(("html",))
        assert page is not None
        page.add_related(b"\x89PNG....", "image", "png", cid="<code>", filename="code.png")
    return store(folder, "shop@example.cn", [to], message.as_bytes()).stem


def test_the_newest_mail_stands_first_and_pages_do_not_overlap(tmp_path: Path) -> None:
    sent = [a_mail(tmp_path, subject=f"Mail {number}") for number in range(PER_PAGE + 3)]
    first, second = list_mails(tmp_path), list_mails(tmp_path, page=2)
    assert [mail.id for mail in (*first.mails, *second.mails)] == sent[::-1]
    assert (first.has_more, second.has_more) == (True, False)


def test_mails_are_found_by_a_part_of_the_recipient(tmp_path: Path) -> None:
    a_mail(tmp_path, to="tashi@example.cn")
    wanted = a_mail(tmp_path, to="Dolma@example.cn")
    assert [mail.id for mail in list_mails(tmp_path, recipient=" dolma@ ").mails] == [wanted]


def test_a_mail_is_read_whole(tmp_path: Path) -> None:
    mail = read_mail(tmp_path, a_mail(tmp_path, subject="卖出：红皮土豆", picture=True))
    assert mail.line.subject == "卖出：红皮土豆"
    assert mail.line.sender == "雅砻集 <shop@example.cn>"
    assert mail.text.strip() == "Three bags of 红皮土豆"
    (picture,) = mail.attachments
    assert (picture.content_type, picture.content_id, picture.content[:4]) == (
        "image/png",
        "code",
        b"\x89PNG",
    )
    page = html_for_reading(mail, {"code": "/parts/3"})
    assert 'src="/parts/3"' in page
    assert page.startswith('<base target="_top">')


def test_a_mail_being_written_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "20260101T000000.000000-abcdef.part").write_bytes(b"To: x\r\n\r\nhalf")
    (tmp_path / "notes.eml").write_bytes(b"To: x\r\n\r\nnot ours")
    assert list_mails(tmp_path).mails == ()


@pytest.mark.parametrize("name", ["../secrets", "..%2fsecrets", "20260101T000000.000000-abcdef", "", "."])
def test_only_mails_can_be_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / "secrets.eml").write_text("no mail")
    inner = tmp_path / "mails"
    inner.mkdir()
    with pytest.raises(NoSuchMail):
        read_raw(inner, name)
