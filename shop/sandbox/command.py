"""Run one command with the sandbox's services: the running shop's, or ones started for as long as it takes.

python -m shop.sandbox.command shop check             # what `make shop ARGS=check` does
python -m shop.sandbox.command --scratch shop migrate # on empty services that are thrown away afterwards
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from shop.sandbox.folder import PROJECT, DataFolder
from shop.sandbox.given import environment
from shop.sandbox.mail import MailSink
from shop.sandbox.processes import SandboxError
from shop.sandbox.services import scratch_folder, start_mail_sink, start_postgres, start_redis


def services_in(root: Path, running: contextlib.ExitStack, given: dict[str, str], *, durable: bool) -> dict[str, str]:
    """Start what `given` does not name; returns the addresses of all."""
    env = dict(given)
    if "DATABASE_URL" not in env:
        postgres = start_postgres(root / "postgres", durable=durable)
        running.callback(postgres.stop)
        env["DATABASE_URL"] = postgres.url
    if "REDIS_URL" not in env:
        redis = start_redis(root / "redis", durable=durable)
        running.callback(redis.stop)
        env["REDIS_URL"] = redis.url
    if "SMTP_URL" not in env:
        mail: MailSink = start_mail_sink(root / "mail")
        running.callback(mail.stop)
        env["SMTP_URL"], env["MAIL_SINK_FOLDER"] = mail.url, str(mail.mails)
    return env


def run(command: list[str], *, scratch: bool) -> int:
    """Run `command` with the addresses in its environment; returns its exit status."""
    with contextlib.ExitStack() as running:
        if scratch:
            root = running.enter_context(scratch_folder())
            env = services_in(root, running, {"SECRET_KEY": "scratch" * 8}, durable=False)
            own = {name: value for name, value in environment().items() if name not in env}
            env = {**own, **env, "APP_ENV": "test"}
        else:
            folder = DataFolder().prepare()
            env = {**folder.secrets(), **folder.published(), **environment()}
            if not folder.is_held():
                running.enter_context(folder.held())
                env = services_in(folder.path, running, env, durable=True)
        env["PATH"] = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
        program = shutil.which(command[0], path=env["PATH"])
        if program is None:
            raise SandboxError(f"There is no command {command[0]!r}.")
        return subprocess.run([program, *command[1:]], check=False, env=env, cwd=PROJECT).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", action="store_true", help="use empty services that are thrown away afterwards")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    chosen = parser.parse_args()
    if not chosen.command:
        parser.error("which command?")
    try:
        return run(chosen.command, scratch=chosen.scratch)
    except SandboxError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
