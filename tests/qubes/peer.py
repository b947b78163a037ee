# SPDX-License-Identifier: LGPL-2.1-or-later
"""A model of Qubes OS's driver "file-reflink": what it does on disk, and nothing of its code.

Names: V.img, V-dirty.img, V-precache.img, V-import.img, V.img.N@TIMEZ, and V.img~... on the way.
"""

import fcntl
import glob
import os
import re
import tempfile
import time

FICLONE = 0x40049409


def copy(source, target):
    """Makes TARGET a complete copy of SOURCE, by a reflink where that can be."""
    descriptor, temporary = tempfile.mkstemp(prefix=os.path.basename(target) + "~",
                                             dir=os.path.dirname(target))
    with open(source, "rb") as origin, os.fdopen(descriptor, "wb") as file:
        try:
            fcntl.ioctl(file.fileno(), FICLONE, origin.fileno())
        except OSError:
            _copy_data(origin, file)
        os.fsync(file.fileno())
    os.rename(temporary, target)
    _sync_directory(target)


def _copy_data(origin, file):
    """Without holes."""
    size = os.fstat(origin.fileno()).st_size
    file.truncate(size)
    position = 0
    while position < size:
        try:
            position = os.lseek(origin.fileno(), position, os.SEEK_DATA)
        except OSError:  # no more data
            return
        end = os.lseek(origin.fileno(), position, os.SEEK_HOLE)
        os.lseek(origin.fileno(), position, os.SEEK_SET)
        while position < end:
            piece = os.read(origin.fileno(), min(1 << 20, end - position))
            os.pwrite(file.fileno(), piece, position)
            position += len(piece)


def _rename(source, target):
    os.rename(source, target)
    _sync_directory(target)


def _sync_directory(path):
    descriptor = os.open(os.path.dirname(path), os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _remove(path):
    if os.path.lexists(path):
        os.unlink(path)


def sync_file(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())


class PeerVolume:
    """A volume of the peer: KIND is "saved", "snapshot" (of SOURCE) or "volatile"."""

    def __init__(self, dir_path, vid, *, kind="saved", keep=1, size=1 << 20, source=None):
        self.base = os.path.join(dir_path, vid)
        self.kind, self.keep, self.size, self.source = kind, keep, size, source

    @property
    def clean(self):
        return self.base + ".img"

    @property
    def dirty(self):
        return self.base + "-dirty.img"

    @property
    def precache(self):
        return self.base + "-precache.img"

    @property
    def importing(self):
        return self.base + "-import.img"

    def revisions(self):
        """The numbers of its revisions, with their files, ascending."""
        found = {}
        for path in glob.glob(glob.escape(self.clean) + ".*@*Z"):
            match = re.fullmatch(re.escape(self.clean) + r"\.(\d+)@[0-9:T-]+Z", path)
            if match:
                found[int(match[1])] = path
        return dict(sorted(found.items()))

    # --- What qubesd asks for

    def create(self):
        self.remove()
        if self.kind == "saved":
            os.makedirs(os.path.dirname(self.base), exist_ok=True)
            with open(self.clean, "xb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.truncate(self.size)
            self._make_precache()

    def start(self):
        for path in glob.glob(glob.escape(self.base) + "*~*"):
            os.unlink(path)
        _remove(self.importing)
        os.makedirs(os.path.dirname(self.base), exist_ok=True)
        getattr(self, "_start_" + self.kind)()

    def _start_saved(self):
        if self.keep == -1:
            for path in self.revisions().values():
                os.unlink(path)
            _remove(self.precache)
            if not os.path.exists(self.dirty):
                _rename(self.clean, self.dirty)
        elif not os.path.exists(self.dirty):
            if not self._precache_fits():
                _remove(self.precache)
                copy(self.clean, self.dirty)
            else:
                _rename(self.precache, self.dirty)

    def _start_snapshot(self):
        _remove(self.clean)
        os.link(self.source.clean, self.clean)  # what tells that it is outdated
        copy(self.source.clean, self.dirty)

    def _start_volatile(self):
        _remove(self.dirty)
        with open(self.dirty, "xb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.truncate(self.size)

    def stop(self):
        if self.kind != "saved":
            _remove(self.dirty)
            _remove(self.clean)
            self._remove_directory()
        elif os.path.exists(self.dirty):
            if self.keep == -1:
                sync_file(self.dirty)
                _rename(self.dirty, self.clean)
            else:
                self._commit(self.dirty)

    def _commit(self, path):
        sync_file(path)
        if self.keep > 0 and os.path.exists(self.clean):
            self._add_revision()
        numbers = list(self.revisions().items())
        for _, old in numbers[: max(0, len(numbers) - max(0, self.keep))]:
            os.unlink(old)
        _rename(path, self.clean)
        self._make_precache()

    def _add_revision(self):
        number = max(self.revisions(), default=0) + 1
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(os.stat(self.clean).st_mtime))
        os.link(self.clean, f"{self.clean}.{number}@{stamp}")

    def revert(self, number=None):
        revisions = self.revisions()
        path = revisions[max(revisions) if number is None else number]
        _rename(path, self.importing)
        self._commit(self.importing)

    def resize(self, size):
        self.size = size
        if os.path.exists(self.dirty):
            os.truncate(self.dirty, size)
        elif self.kind == "saved":
            copy(self.clean, self.importing)
            os.truncate(self.importing, size)
            sync_file(self.importing)
            _rename(self.importing, self.clean)
            self._make_precache()

    def import_content(self, content, size):
        with open(self.importing, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.truncate(size)
        self._commit(self.importing)

    def import_volume(self, source):
        os.makedirs(os.path.dirname(self.base), exist_ok=True)
        copy(source.clean, self.importing)
        self._commit(self.importing)

    def remove(self):
        for path in (self.dirty, self.clean, self.precache, self.importing,
                     *self.revisions().values()):
            _remove(path)
        for path in glob.glob(glob.escape(self.base) + "*~*"):
            os.unlink(path)
        self._remove_directory()

    # --- Helpers

    def _remove_directory(self):
        try:
            os.rmdir(os.path.dirname(self.base))
        except OSError:
            pass  # not empty, or not there

    def _make_precache(self):
        _remove(self.precache)
        if self.keep == -1:
            return
        copy(self.clean, self.precache)
        stat = os.stat(self.clean)
        os.utime(self.precache, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    def _precache_fits(self):
        if not os.path.exists(self.precache):
            return False
        made, clean = os.stat(self.precache), os.stat(self.clean)
        return (made.st_mtime_ns, made.st_size) == (clean.st_mtime_ns, clean.st_size)
