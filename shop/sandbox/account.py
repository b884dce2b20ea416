"""The unprivileged account PostgreSQL runs as when root starts the sandbox, and how it reaches its files."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from shop.sandbox.processes import SandboxError

ACCOUNT = "yarlung-sandbox"


def unprivileged_ids() -> tuple[int, int] | None:
    """The (uid, gid) servers must run as: None for ourselves, a system account when we are root.

    PostgreSQL refuses to run as root. The account is made once; where accounts cannot be made (a read-only
    container), `nobody` does.
    """
    if os.geteuid() != 0:
        return None
    for name in (ACCOUNT, "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            made = _make_account(name)
            if made is None:
                continue
            found = made
        return found.pw_uid, found.pw_gid
    raise SandboxError("PostgreSQL refuses to run as root and no account for it can be made: use a normal user.")


def _make_account(name: str) -> pwd.struct_passwd | None:
    """Make a system account without home and login; None when this machine does not allow it."""
    useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    try:
        subprocess.run(
            [useradd, *options, "--shell", "/usr/sbin/nologin", name],
            check=False,
            capture_output=True,
            timeout=30,
        )
        return pwd.getpwnam(name)  # another run may have made it at the same moment
    except (OSError, KeyError, subprocess.TimeoutExpired):
        return None


def reachable(path: Path) -> bool:
    """Whether everybody may walk to `path`."""
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def require_reachable(folder: Path) -> None:
    """Refuse a data folder the unprivileged account cannot enter, instead of opening somebody's home."""
    if not reachable(folder):
        raise SandboxError(
            f"{folder} cannot be entered by the account PostgreSQL runs as. Started by root, the sandbox "
            "needs a data folder outside of homes: leave YARLUNG_DATA empty or name one below /var/tmp."
        )


def within_reach(program_folder: Path, libraries: Path) -> Path:
    """`program_folder` itself, or a copy below /var/tmp when others cannot enter its place.

    `libraries` is the folder beside it that its programs load from by a relative path; it moves along.
    """
    if reachable(program_folder / "bin" / "program"):
        return program_folder
    mark = f"{program_folder}:{program_folder.stat().st_mtime_ns}"
    shelf = Path("/var/tmp") / f"yarlung-programs-{hashlib.sha256(mark.encode()).hexdigest()[:12]}"  # noqa: S108
    if not shelf.exists():
        half_done = Path(tempfile.mkdtemp(prefix="yarlung-programs-", dir=shelf.parent))
        shutil.copytree(program_folder, half_done / "package" / program_folder.name, symlinks=True)
        shutil.copytree(libraries, half_done / libraries.name, symlinks=True)
        _open_to_all(half_done)
        try:
            half_done.rename(shelf)
        except OSError:  # another run was faster
            shutil.rmtree(half_done)
    if shelf.stat().st_uid != os.geteuid():
        raise SandboxError(f"{shelf} belongs to somebody else. Remove it, then try again.")
    return shelf / "package" / program_folder.name


def _open_to_all(folder: Path) -> None:
    """Let everybody read a copied folder, whatever the umask of its installation was."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o055 if path.is_dir() or mode & 0o100 else 0o044))
