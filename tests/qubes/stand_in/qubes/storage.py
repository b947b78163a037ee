# SPDX-License-Identifier: LGPL-2.1-or-later
"""A STAND-IN for the base classes of qubes-core-admin's qubes.storage, for tests alone.

Written from their documented interface: the names, the meaning, and no more than a driver uses of
them. Nothing of it is Qubes OS's code.
"""

import asyncio
import functools
import os


class StoragePoolException(Exception):
    """What a storage driver raises, and callers of it catch."""


def search_pool_containing_dir(pools, dir_path):
    """The pool of POOLS whose dir_path is DIR_PATH or a directory above it; None for none."""
    wanted = os.path.realpath(dir_path)
    for pool in pools:
        path = os.path.realpath(pool.dir_path)
        if os.path.commonpath([path, wanted]) == path:
            return pool
    return None


class Pool:
    """What all pools have."""

    def __init__(self, *, name, revisions_to_keep=1, ephemeral_volatile=False):
        self.name = name
        self.revisions_to_keep = revisions_to_keep
        self.ephemeral_volatile = ephemeral_volatile

    def __eq__(self, other):
        return isinstance(other, Pool) and self.name == other.name

    def __hash__(self):
        return hash(self.name)

    def __str__(self):
        return self.name

    @property
    def volumes(self):
        return self.list_volumes()


class Volume:
    """What all volumes have."""

    devtype = "disk"
    domain = None

    def __init__(
        self,
        name,
        pool,
        vid,
        revisions_to_keep=0,
        rw=False,
        save_on_stop=False,
        size=0,
        snap_on_start=False,
        source=None,
        ephemeral=None,
    ):
        self.name, self.pool, self.vid = name, pool, vid
        self.revisions_to_keep = int(revisions_to_keep)
        self.rw, self.save_on_stop, self.snap_on_start = rw, save_on_stop, snap_on_start
        self.source = source
        self._size = int(size)
        self._ephemeral = ephemeral
        self._lock = asyncio.Lock()

    @staticmethod
    def locked(method):
        """One such call at a time on a volume."""

        @functools.wraps(method)
        async def call(self, *args, **kwargs):
            async with self._lock:
                return await method(self, *args, **kwargs)

        return call

    @property
    def ephemeral(self):
        """Encrypted with a key that is nowhere else: what is written is lost at the stop."""
        if self.save_on_stop or self.snap_on_start:
            return False
        if self._ephemeral is None:
            return self.pool.ephemeral_volatile
        return self._ephemeral

    @ephemeral.setter
    def ephemeral(self, value):
        self._ephemeral = value

    @property
    def size(self):
        return self._size

    @property
    def snapshots_disabled(self):
        return self.revisions_to_keep == -1

    def __eq__(self, other):
        return isinstance(other, Volume) and (self.pool, self.vid) == (other.pool, other.vid)

    def __hash__(self):
        return hash((self.pool, self.vid))

    def __str__(self):
        return f"{self.pool}:{self.vid}"
