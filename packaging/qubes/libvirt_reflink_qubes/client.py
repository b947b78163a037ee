# SPDX-License-Identifier: LGPL-2.1-or-later
"""A volume of a reflink pool in libvirt's words. All functions wait for libvirt."""

from __future__ import annotations

import os
import time
from typing import Iterator, List, NamedTuple, Optional, Tuple

import libvirt

from . import documents, files, names
from .connection import Connection, log
from .documents import VolumeState
from .errors import is_missing
from .names import Revision
from .upload import upload

# A loop device lets go of its file a moment after its domain has ended, and the hook leaves the
# stop to its worker then.
STOP_PATIENCE = 3.0  # seconds
PAUSE = 0.05

RECORD_SUFFIX = ".volume.xml"


class AmbiguousRevision(Exception):
    """Which revision is the newest cannot be told."""


class Sizes(NamedTuple):
    """Sizes of a volume in bytes."""

    capacity: int
    allocation: int


class VolumeClient:
    """The volume VID of the libvirt pool POOL, whose directory is DIR_PATH. It need not be there.

    Functions raise libvirt.libvirtError; what is said of a volume that is not there, is said.
    """

    def __init__(self, connection: Connection, pool: str, dir_path: str, vid: str) -> None:
        self.connection = connection
        self.pool = pool
        self.dir_path = dir_path
        self.vid = vid

    def beside(self, suffix: str) -> "VolumeClient":
        """The volume whose name has SUFFIX behind this one's."""
        return VolumeClient(self.connection, self.pool, self.dir_path, self.vid + suffix)

    # --- What is there

    @property
    def dirty_path(self) -> str:
        """The path of the image that a domain writes to."""
        return names.dirty_path(self.dir_path, self.vid)

    @property
    def clean_path(self) -> str:
        """The path of the last committed state."""
        return names.clean_path(self.dir_path, self.vid)

    def is_dirty(self) -> bool:
        """True if there is a dirty image. Asks the directory: the answer needs no daemon."""
        return os.path.lexists(self.dirty_path)

    def has_image(self) -> bool:
        """True if it can be started from what is there. Asks the directory."""
        return any(map(os.path.lexists, (self.clean_path, self.dirty_path)))

    def has_files(self) -> bool:
        """True if an image or a record of it is there. Asks the directory."""
        return any(map(os.path.lexists, (self.clean_path, self.dirty_path, self._record_path)))

    def kind(self) -> str:
        """Its kind, by its record."""
        record = documents.record(self._record_path)
        return (record and record.kind) or "persistent"

    @property
    def _record_path(self) -> str:
        return os.path.join(self.dir_path, self.vid + RECORD_SUFFIX)

    def handle(self) -> libvirt.virStorageVol:
        """libvirt's handle of it."""
        return self.connection.volume(self.pool, self.vid)

    def state(self) -> Optional[VolumeState]:
        """What libvirt says of it; None where it is not there."""
        try:
            document = self.connection.on_volume(self.pool, self.vid, lambda vol: vol.XMLDesc(0))
        except libvirt.libvirtError as error:
            self._forget_missing(error)
            return None
        return documents.volume_state(document)

    def sizes(self) -> Optional[Sizes]:
        """Its sizes; None where it is not there."""
        try:
            info = self.connection.on_volume(self.pool, self.vid, lambda vol: vol.info())
        except libvirt.libvirtError as error:
            self._forget_missing(error)
            return None
        return Sizes(int(info[1]), int(info[2]))

    def _forget_missing(self, error: libvirt.libvirtError) -> None:
        if not is_missing(error):
            raise error
        self.connection.forget(self.pool, self.vid)

    # --- Changes

    def create(
        self, capacity: int, *, kind: str = "persistent", source: Optional["VolumeClient"] = None
    ) -> None:
        """Makes it, empty, of CAPACITY bytes and of KIND; with SOURCE a snapshot of that."""
        if source:
            document = documents.volume_document(self.vid, capacity, source.clean_path)
        else:
            document = documents.volume_document(names.of_kind(self.vid, kind), capacity)
        self.connection.on_pool(self.pool, lambda pool: pool.createXML(document, 0))

    def create_from(self, source: libvirt.virStorageVol, *, kind: str = "persistent") -> None:
        """Makes it with the content and size of SOURCE, of any pool."""
        document = documents.volume_document(names.of_kind(self.vid, kind), 0)
        self.connection.on_pool(self.pool, lambda pool: pool.createXMLFrom(document, source, 0))

    def replace_by(
        self, source: libvirt.virStorageVol, *, kind: Optional[str] = None
    ) -> libvirt.virStorageVol:
        """Gives it the content and size of SOURCE. Returns the revision that has what it had.

        With KIND, "persistent" or "direct", it becomes one of that kind as well.
        """
        current = names.current(self.vid)
        document = documents.volume_document(names.of_kind(current, kind) if kind else current, 0)
        return self.connection.on_pool(self.pool, lambda pool: pool.createXMLFrom(document, source, 0))

    def label(self, label: str) -> None:
        """Makes a named revision of what it is now, also while its domain runs."""
        document = documents.volume_document(names.labelled(self.vid, label), 0)
        source = self.handle()
        self.connection.on_pool(self.pool, lambda pool: pool.createXMLFrom(document, source, 0))

    def resize(self, capacity: int) -> None:
        """Makes it larger or smaller, also while its domain runs."""
        flags = libvirt.VIR_STORAGE_VOL_RESIZE_SHRINK
        self.connection.on_volume(self.pool, self.vid, lambda vol: vol.resize(capacity, flags))

    def upload(self, path: str, limit: Optional[int] = None) -> None:
        """Writes the file or pipe at PATH over it, from its beginning; of a file LIMIT bytes at most."""
        upload(self.connection.get(), self.handle(), path, limit)

    def delete(self) -> None:
        """Removes it with its revisions; nothing where it is not there.

        Waits a moment for a domain that has just ended. What libvirt has of snapshots of it goes
        too: qubesd removes no template that a VM has.
        """
        flags = libvirt.VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS
        deadline = time.monotonic() + STOP_PATIENCE
        while True:
            try:
                self.connection.on_volume(self.pool, self.vid, lambda vol: vol.delete(flags))
                break
            except libvirt.libvirtError as error:
                if is_missing(error):
                    break
                if self._delete_snapshots():
                    continue
                if not self.has_files() or time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE)
        self.connection.forget(self.pool, self.vid)

    def _delete_snapshots(self) -> bool:
        """Deletes the snapshots of it that do not run. False if there is none.

        A VM that got another template, and has not been started since, has left one. It has no
        content, and the VM's next start makes it of the other template.
        """
        stale = [each for each in self._snapshots() if not each.is_dirty()]
        for snapshot in stale:
            log.info("deleting snapshot '%s' of '%s', which is removed", snapshot.vid, self.vid)
            snapshot.delete()
        return bool(stale)

    def _snapshots(self) -> List["VolumeClient"]:
        found = []
        for folder, _, files in os.walk(self.dir_path):
            for name in files:
                if not name.endswith(RECORD_SUFFIX):
                    continue
                path = os.path.join(folder, name)
                record = documents.record(path)
                if record and record.kind == "snapshot" and record.source == self.vid:
                    vid = os.path.relpath(path, self.dir_path)[: -len(RECORD_SUFFIX)]
                    found.append(VolumeClient(self.connection, self.pool, self.dir_path, vid))
        return found

    def wait_until_stopped(self) -> bool:
        """Waits a moment for the end of its run. False if it still has a dirty image."""
        deadline = time.monotonic() + STOP_PATIENCE
        while self.is_dirty():
            if time.monotonic() > deadline:
                return False
            time.sleep(PAUSE)
        return True

    # --- Revisions. Which there are, their directory says: libvirt lists only whole pools.

    def revisions(self) -> List[Revision]:
        """Its revisions, the numbered ones ascending, then the named ones."""
        found = {revision.name: revision for revision in self._revisions_on_disk()}
        return sorted(found.values(), key=lambda each: (each.number == 0, each.number, each.name))

    def _revisions_on_disk(self) -> Iterator[Revision]:
        try:
            with os.scandir(os.path.dirname(self.clean_path)) as entries:
                paths = [each.path for each in entries if each.is_file(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):
            return
        for path in paths:
            revision = names.parse_revision(self.dir_path, self.vid, path)
            if revision:
                yield revision

    def _numbered(self) -> List[Revision]:
        return [revision for revision in self.revisions() if revision.number]

    def revision_handle(self, revision: Revision) -> libvirt.virStorageVol:
        """libvirt's handle of a revision."""
        self.sizes()  # this makes libvirt's list of revisions true
        return self._look_up(revision)

    def _look_up(self, revision: Revision) -> libvirt.virStorageVol:
        name = revision.name
        return self.connection.on_pool(self.pool, lambda pool: pool.storageVolLookupByName(name))

    def prune(self, keep: int) -> None:
        """Deletes numbered revisions, but for the newest KEEP by number and the newest KEEP by date.

        One that an administrator has put back may have any number. One that is in use stays until
        the next time, one below an overlay until an administrator deletes it.
        """
        for revision in _without_newest(self._numbered(), keep):
            if files.is_layer(revision.path):
                continue
            try:
                self.revision_handle(revision).delete(0)
            except libvirt.libvirtError as error:
                if not is_missing(error):
                    log.warning("revision %s stays: %s", revision.name, error)

    def newest(self) -> Revision:
        """Its newest numbered revision; IndexError where it has none.

        AmbiguousRevision where numbers and dates do not agree which that is.
        """
        numbered = self._numbered()
        by_number = numbered[-1]
        by_date = sorted(numbered, key=_date)[-1]
        if by_number != by_date:
            raise AmbiguousRevision(
                f"its newest revision is {by_number.number} by number, and {by_date.number} by date: "
                "name the revision"
            )
        return by_number

    def delete_remains(self) -> None:
        """Deletes the revisions that an earlier volume of the name has left."""
        revisions = self.revisions()
        if revisions:  # of a volume that is gone libvirt may not know them
            self.connection.on_pool(self.pool, lambda pool: pool.refresh(0))
        for revision in revisions:
            log.info("deleting %s of a volume that is gone", revision.name)
            self._look_up(revision).delete(0)


def _date(revision: Revision) -> Tuple[int, int]:
    return files.modified_ns(revision.path), revision.number


def _without_newest(numbered: List[Revision], keep: int) -> List[Revision]:
    """What is among the newest KEEP of NUMBERED neither by number nor by date, oldest first."""
    older = max(0, len(numbered) - keep)
    dated = sorted(numbered, key=_date)[:older]
    return [revision for revision in numbered[:older] if revision in dated]
