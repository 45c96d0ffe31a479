"""Opens files without following links out of a folder, and writes files so that a crash leaves the old or new one."""

import errno
import fcntl
import os
import stat
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import BinaryIO

MAX_LINKS = 40  # Linux's own limit (path_resolution(7))


class OutsideRoot(Exception):
    """Raised when a path, or a link in it, leads out of its folder."""


def open_beneath(root: str | Path, relative: str, *, closed: str | Path | None = None) -> BinaryIO:
    """Open the regular file `relative` below `root` for reading, never leaving `root`.

    Each component is opened relative to the previous one, without following links. A link is then read and walked the
    same way. Nothing is checked first and opened later, so swapping a folder for a link in between has no effect.
    Links that stay below `root` work. An absolute link has to begin with the path of `root`, as given or resolved; the
    rest is walked from `root`. Paths above `root` do not work.

    The folder `closed` counts as outside, wherever it is and by whatever name or link it is reached. Nothing in it is
    looked up.

    Raises:
        OutsideRoot: the path or a link leaves `root`, or enters `closed`.
        OSError: the file is missing, not a regular file, or not readable.
    """
    pending = deque(relative.split("/"))
    links = 0
    trail = [os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        barred = _barred(closed, trail[0])
        while pending:
            part = pending.popleft()
            if part in ("", "."):
                continue
            if part == "..":
                os.close(trail.pop())
                if not trail:
                    raise OutsideRoot
                continue
            try:
                # O_NONBLOCK: opening a pipe must not wait for its writer.
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                trail.append(os.open(part, flags, dir_fd=trail[-1]))
                if barred is not None and _identity(os.fstat(trail[-1])) == barred:
                    raise OutsideRoot
            except OSError:
                target = _link_target(part, trail[-1])
                links += 1
                if target is None or links > MAX_LINKS:
                    raise
                if target.startswith("/"):
                    target = _below(root, target)
                    while len(trail) > 1:
                        os.close(trail.pop())
                pending.extendleft(reversed(target.split("/")))
        if not stat.S_ISREG(os.fstat(trail[-1]).st_mode):
            raise IsADirectoryError("not a regular file")
        return os.fdopen(trail.pop(), "rb")
    finally:
        for descriptor in trail:
            os.close(descriptor)


def _identity(status: os.stat_result) -> tuple[int, int]:
    """Return what identifies a file or folder under all of its names."""
    return status.st_dev, status.st_ino


def _barred(closed: str | Path | None, folder: int) -> tuple[int, int] | None:
    """Return the identity of the folder `closed`; None if there is none.

    Raises:
        OutsideRoot: the open `folder` is `closed`, or lies in it.
    """
    barred = None if closed is None else _identity_at(closed)
    if barred is not None and barred in _ancestors(folder):
        raise OutsideRoot
    return barred


def _identity_at(path: str | Path) -> tuple[int, int] | None:
    """Return the identity of the file or folder at `path`; None if there is none."""
    with suppress(FileNotFoundError):
        return _identity(os.stat(path))
    return None


def _ancestors(folder: int) -> Iterator[tuple[int, int]]:
    """Yield the identity of the open `folder`, and of each folder that it lies in."""
    path, last = ".", None
    while (here := _identity(os.stat(path, dir_fd=folder))) != last:  # the topmost folder is its own parent
        yield here
        path, last = f"{path}/..", here


def _below(root: str | Path, target: str) -> str:
    """Return the part of an absolute `target` below `root`.

    Raises:
        OutsideRoot: the target does not begin with the path of `root`.
    """
    for top in (os.path.abspath(root), os.path.realpath(root)):
        if target.startswith(os.path.join(top, "")):
            return target[len(top) :]
    raise OutsideRoot


def _link_target(name: str, folder: int) -> str | None:
    """Return the target of the link `name` in the open `folder`; None if it is not a link."""
    with suppress(OSError):
        return os.readlink(name, dir_fd=folder)
    return None


# Changes whenever a file changes: size in bytes, mtime and ctime in nanoseconds.
Signature = tuple[int, int, int]


def signature_of(status: os.stat_result) -> Signature:
    """Return the signature of a file with this status."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file below a root: its path from the root, and its signature.

    If it cannot be used, `problem` is one of `unreadable`, `outside_folder` (a link that leads out of the root) and
    `linked_folder` (a link to a folder, which is not entered). `is_folder` tells unreadable and linked folders from
    files. Bytes of the path that are not UTF-8 are surrogate escapes.
    """

    name: str
    signature: Signature = (0, 0, 0)
    problem: str = ""
    is_folder: bool = False


def list_files(root: str | Path, skips: Callable[[str], bool] = lambda _: False) -> Iterator[FoundFile]:
    """Yield the files below `root`, in no particular order, and what cannot be used.

    Files and folders whose name `skips` accepts are left out, with all that is below them. Linked folders are not
    entered. A linked file counts if its target is below `root`. Files that vanish meanwhile, and pipes, sockets and
    devices, are left out.

    Raises:
        FileNotFoundError: `root` does not exist.
        NotADirectoryError: `root` is not a folder.
        OSError: a folder could not be read; skipping it would make its files look deleted.
    """

    top = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield from _walk(root, top, skips)
    finally:
        os.close(top)


def _walk(root: str | Path, top: int, skips: Callable[[str], bool]) -> Iterator[FoundFile]:
    # Start from the open folder: FACES_DB_PATH may itself be a link, and fwalk does not enter links.
    for folder, folders, names, descriptor in os.fwalk(".", dir_fd=top, onerror=_raise_unless_expected):
        problems = {name: _folder_problem(name, descriptor) for name in folders if not skips(name)}
        folders[:] = [name for name, problem in problems.items() if not problem]  # fwalk enters these
        for name, problem in problems.items():
            if problem:
                yield FoundFile(os.path.normpath(os.path.join(folder, name)), problem=problem, is_folder=True)
        for name in names:
            if not skips(name):
                yield from _found(root, os.path.normpath(os.path.join(folder, name)), name, descriptor)


def _folder_problem(name: str, descriptor: int) -> str:
    """Return why the folder `name` in an open folder is not entered; empty if it is."""
    if _link_target(name, descriptor) is not None:
        return "linked_folder"
    return "" if os.access(name, os.R_OK | os.X_OK, dir_fd=descriptor, effective_ids=True) else "unreadable"


def _found(root: str | Path, path: str, name: str, descriptor: int) -> Iterator[FoundFile]:
    """Yield the regular file `name` in an open folder, or what is wrong with it; nothing if it vanished."""
    try:
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return
    except OSError:
        yield FoundFile(path, problem="unreadable")
        return
    try:
        if stat.S_ISLNK(status.st_mode):
            with open_beneath(root, path) as file:
                status = os.fstat(file.fileno())
    except OutsideRoot:
        yield FoundFile(path, problem="outside_folder")
    except OSError:
        yield FoundFile(path, problem="unreadable")
    else:
        if stat.S_ISREG(status.st_mode):
            yield FoundFile(path, signature_of(status))


def _raise_unless_expected(error: OSError) -> None:
    if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM):
        raise error


@contextmanager
def atomically_written(path: Path, *, mode: int = 0o600) -> Iterator[BufferedRandom]:
    """Yield a file that replaces `path` when the block ends. A crash leaves the old file or the new one, complete.

    Raises:
        OSError: the folder is not writable or full. After any error in the block the old file is unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
        put_in_place(temporary, path, mode=mode)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def put_in_place(temporary: str | Path, path: Path, *, mode: int) -> None:
    """Replace `path` with the file `temporary` of the same file system; it is on disk when this returns.

    Raises:
        OSError: the folder is not writable or full.
    """
    descriptor = os.open(temporary, os.O_RDONLY)
    try:
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put the names in the folder on disk: those of new files, and changed ones.

    Raises:
        OSError: the folder cannot be opened.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of an existing file or folder; other processes and threads wait.

    Raises:
        OSError: the file or folder cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
