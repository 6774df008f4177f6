"""Which file system a file is on, and whether SQLite's locks hold there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mountinfo")

NETWORK: Final = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb",
        "smb2",
        "smb3",
        "smbfs",
        "ncpfs",
        "afs",
        "ceph",
        "lustre",
        "gpfs",
        "beegfs",
        "orangefs",
    }
    | {"ocfs2", "gfs", "gfs2", "glusterfs", "davfs", "pvfs2", "acfs", "panfs", "weka", "wekafs"}
)
"""File systems that several machines share, as Linux calls them."""

FUSE: Final = frozenset(
    {"sshfs", "glusterfs", "s3fs", "gcsfuse", "goofys", "rclone", "cephfs", "juicefs", "davfs", "smbnetfs"}
)
"""Those that a program provides, after ``fuse.``."""


def network_file_system(path: Path, mounts: str) -> str | None:
    """Return the kind of network disk that a path is on; None where it is on none, as far as is known.

    ``mounts`` is what Linux says in ``/proc/self/mountinfo``; the path is absolute, and need not exist.
    """
    place = os.path.realpath(path)
    best = ""
    found: str | None = None
    for line in mounts.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 5:
            continue
        mount = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
        # The last of several mounts at one place hides the others.
        if len(mount) >= len(best) and (place == mount or place.startswith(mount.rstrip("/") + "/")):
            best, found = mount, after.split(" ")[0]
    if found is None:
        return None
    return found if found in NETWORK or found.removeprefix("fuse.") in FUSE else None


def read_mounts() -> str:
    """Return what Linux says of its mounts; nothing on other systems."""
    try:
        return MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
