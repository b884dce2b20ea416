"""The private services survive what happens on laptops: crashes, kills, leftovers, reused process numbers."""

from __future__ import annotations

import os
import shutil
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import psycopg
import pytest

from shop.sandbox.account import unprivileged_ids, within_reach
from shop.sandbox.folder import PROJECT
from shop.sandbox.mail import MailSink
from shop.sandbox.mailbox import list_mails, read_mail
from shop.sandbox.postgres import Postgres, programs
from shop.sandbox.processes import SandboxError, wait_until, works_in
from shop.sandbox.services import start_mail_sink, start_postgres, start_redis


@pytest.fixture(scope="module")
def postgres(shared_folder: Path) -> Iterator[Postgres]:
    server = start_postgres(shared_folder / "postgres", durable=False)
    yield server
    server.stop()


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    """A database of its own on the shared server."""
    postgres.start()
    yield postgres.create_database("own")
    postgres.start()
    postgres.drop_database("own")


def rows_of(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM kept ORDER BY n")]


def keep(url: str, number: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [number])


def test_what_was_committed_is_there_after_a_crash_and_after_a_restart(postgres: Postgres, url: str) -> None:
    keep(url, 1)
    postgres.crash()
    with pytest.raises(psycopg.OperationalError):
        rows_of(url)
    postgres.start()
    keep(url, 2)
    postgres.restart()
    assert rows_of(url) == [1, 2]


def test_the_cluster_is_set_up_as_the_shop_needs_it(postgres: Postgres) -> None:
    wanted = {"data_checksums": "on", "TimeZone": "UTC", "server_encoding": "UTF8", "log_lock_waits": "on"}
    with psycopg.connect(postgres.url) as connection:
        for name, value in wanted.items():
            assert connection.execute("SELECT current_setting(%s)", [name]).fetchone() == (value,)
        row = connection.execute("SELECT lower('ÉÀ'), rolsuper FROM pg_roles WHERE rolname = current_user")
        assert row.fetchone() == ("éà", False)


def test_a_durable_server_waits_for_the_disk(folder: Path) -> None:
    server = start_postgres(folder / "postgres")
    try:
        with psycopg.connect(server.url) as connection:
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                assert connection.execute("SELECT current_setting(%s)", [name]).fetchone() == ("on",)
    finally:
        server.stop()


def test_databases_are_made_and_removed_without_psql(postgres: Postgres) -> None:
    another = postgres.create_database("another")
    assert postgres.create_database("another") == another
    keep(another, 7)
    assert rows_of(another) == [7]
    postgres.drop_database("another")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        rows_of(another)


def test_a_stranger_that_got_the_old_servers_number_does_not_keep_postgres_from_starting(
    postgres: Postgres, url: str
) -> None:
    keep(url, 1)
    remains = (postgres.data / "postmaster.pid").read_text().splitlines()
    postgres.crash()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (postgres.data / "postmaster.pid").write_text("\n".join([str(stranger.pid), *remains[1:]]) + "\n")
        postgres.start()
        assert rows_of(url) == [1]
        assert stranger.poll() is None, "the stranger must be left alone"
    finally:
        stranger.kill()
        stranger.wait()


def test_postgres_ends_a_server_that_an_earlier_run_left_in_its_folder(postgres: Postgres, url: str) -> None:
    keep(url, 1)
    first = postgres.process
    assert first is not None
    second = Postgres(postgres.folder, durable=False).start()
    try:
        assert first.poll() is not None
        assert rows_of(url) == [1]
    finally:
        second.stop()


def test_a_listening_server_asks_for_its_password(folder: Path) -> None:
    server = start_postgres(folder / "postgres", durable=False, tcp=True)
    try:
        keep(server.url, 1)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.url, password="wrong")
    finally:
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as somebody else")
def test_root_is_told_when_the_folder_is_closed_instead_of_it_being_opened(folder: Path) -> None:
    closed = folder / "home"
    closed.mkdir(mode=0o700)
    with pytest.raises(SandboxError, match="outside of homes"):
        start_postgres(closed / "postgres")
    assert closed.stat().st_mode & 0o777 == 0o700


def test_redis_keeps_its_address_and_what_it_was_told(folder: Path) -> None:
    redis = start_redis(folder / "redis")
    try:
        url = redis.url
        redis.client().set("potato", "red")
        redis.restart()
        assert (redis.url, redis.client().get("potato")) == (url, b"red")
        settings = redis.client().config_get("*")
        assert settings["maxmemory-policy"] == "noeviction"
        assert settings["appendonly"] == "yes"
        assert settings["maxmemory"] != "0"
    finally:
        redis.stop()


def test_redis_starts_afresh_when_its_files_cannot_be_read(folder: Path) -> None:
    redis = start_redis(folder / "redis")
    redis.client().set("potato", "red")
    redis.stop()
    files = [path for path in redis.data.rglob("*") if path.is_file() and path.suffix != ".pid"]
    assert files
    for path in files:
        path.write_bytes(b"not what a redis writes\n" * 100)
    redis.start()
    try:
        assert redis.client().get("potato") is None
        assert (redis.folder / "data.unreadable").exists()
    finally:
        redis.stop()


def test_a_mail_becomes_one_file_with_its_envelope(folder: Path) -> None:
    sink = start_mail_sink(folder / "mail")
    try:
        send(sink, "农户@example.cn", subject="土豆到了")
        (line,) = list_mails(sink.mails).mails
        assert (line.subject, line.recipients) == ("土豆到了", ("农户@example.cn",))
        assert read_mail(sink.mails, line.id).text.strip() == "您好"
        sink.restart()
        send(sink, "b@example.cn", subject="two")
        assert [one.subject for one in list_mails(sink.mails).mails] == ["two", "土豆到了"]
    finally:
        sink.stop()
    with pytest.raises(ConnectionError):
        send(sink, "c@example.cn", subject="nobody is there")


def send(sink: MailSink, to: str, *, subject: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@example.cn", to, subject
    message.set_content("您好")
    with smtplib.SMTP("127.0.0.1", sink.port, timeout=10) as client:
        client.send_message(message, mail_options=["SMTPUTF8"])


def test_nothing_stays_behind_when_the_process_that_started_the_services_is_killed(folder: Path) -> None:
    command = [sys.executable, "-m", "shop.sandbox.services", "up", "--fast", "--data", str(folder)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    assert holder.stdout is not None
    told = dict(holder.stdout.readline().removeprefix("export ").strip().split("=", 1) for _ in range(4))
    assert set(told) == {"DATABASE_URL", "REDIS_URL", "SMTP_URL", "MAIL_SINK_FOLDER"}
    servers = children_of(holder.pid)
    assert len(servers) == 3
    keep(told["DATABASE_URL"].strip("'"), 1)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert wait_until(lambda: not any(lives(pid) for pid in servers), 20)
    again = start_postgres(folder / "postgres", durable=False)
    try:
        assert rows_of(again.url) == [1]
    finally:
        again.stop()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_only_a_process_that_works_in_a_folder_counts_as_its_server(folder: Path) -> None:
    assert not works_in(os.getpid(), folder)
    assert works_in(os.getpid(), Path.cwd())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as somebody else")
def test_programs_in_a_closed_home_are_copied_to_where_postgres_account_may_run_them(folder: Path) -> None:
    real, libraries = programs()
    home = folder / "home"
    home.mkdir(mode=0o700)
    here = home / "site" / "package" / real.name
    (here / "bin").mkdir(parents=True)
    shutil.copy2(real / "bin" / "initdb", here / "bin" / "initdb")
    (here / "bin" / "initdb").chmod(0o700)
    shutil.copytree(libraries, home / "site" / libraries.name)
    copy = within_reach(here, home / "site" / libraries.name)
    try:
        uid, gid = unprivileged_ids() or (0, 0)
        done = subprocess.run(
            [copy / "bin" / "initdb", "--version"], user=uid, group=gid, extra_groups=[], capture_output=True
        )
        assert done.stdout.decode().startswith("initdb (PostgreSQL)")
        assert within_reach(here, home / "site" / libraries.name) == copy
        assert home.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(copy.parents[1])
