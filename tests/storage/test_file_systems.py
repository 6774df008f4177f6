"""SQLite refuses network disks, whose locks cannot be trusted, and says what to use instead."""

import os
from pathlib import Path

import pytest

from sotopia_core.errors import StorageError
from sotopia_storage import sqlite_file
from sotopia_storage.file_systems import network_file_system, read_mounts
from sotopia_storage.sqlite import SQLite

MOUNTS = r"""
22 28 0:20 / /proc rw,nosuid shared:12 - proc proc rw
28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 28 0:45 / /data rw,relatime shared:20 - nfs4 server:/export rw,vers=4.2
41 40 254:1 / /data/local rw,relatime shared:21 - xfs /dev/vdb rw
42 28 0:46 / /mnt/my\040share rw - cifs //server/share rw
43 28 0:47 / /mnt/over rw - nfs server:/old rw
44 43 254:2 / /mnt/over rw - btrfs /dev/vdc rw
45 28 0:48 / /home/ann/remote rw - fuse.sshfs ann@host: rw
46 28 0:49 / /home/ann/picked rw - fuse.encfs encfs rw
not a line of mounts
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/store.db", None),
        ("/data/store.db", "nfs4"),
        ("/data/deep/er/store.db", "nfs4"),
        ("/database/store.db", None),
        ("/data/local/store.db", None),
        ("/mnt/my share/store.db", "cifs"),
        ("/mnt/over/store.db", None),
        ("/home/ann/remote/store.db", "fuse.sshfs"),
        ("/home/ann/picked/store.db", None),
    ],
)
def test_a_path_is_on_the_innermost_mount_that_was_made_last(path: str, kind: str | None) -> None:
    assert network_file_system(Path(path), MOUNTS) == kind


def test_where_nothing_is_known_of_mounts_nothing_is_refused() -> None:
    assert network_file_system(Path("/data/store.db"), "") is None


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "shared")
    mounts = f"1 0 0:1 / / rw - ext4 /dev/vda rw\n2 1 0:2 / {os.path.realpath(tmp_path)}/shared rw - nfs server:/ rw"
    assert network_file_system(tmp_path / "link" / "store.db", mounts) == "nfs"


def test_a_store_on_a_network_disk_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = f"1 0 0:1 / / rw - ext4 /dev/vda rw\n2 1 0:2 / {os.path.realpath(tmp_path)} rw - nfs4 server:/ rw"
    monkeypatch.setattr(sqlite_file, "read_mounts", lambda: mounts)
    path = tmp_path / "store.db"
    with pytest.raises(StorageError) as caught:
        SQLite(path=path).open()
    assert str(caught.value) == (
        f"cannot open the store {str(path)!r}: it is on a network disk (nfs4), where SQLite's locks cannot be "
        "trusted and records get lost; name a file on a disk of this machine, or use a Redis server: redis://host:6379"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="Linux alone lists its mounts there")
def test_the_mounts_of_this_machine_are_read() -> None:
    assert " - " in read_mounts()
