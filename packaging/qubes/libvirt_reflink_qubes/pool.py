# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pool: a reflink pool of libvirt's that has the name of qubesd's pool."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional

import libvirt
import qubes.storage

from . import documents
from .client import VolumeClient
from .connection import connection, in_thread, start_pool
from .errors import storage_errors
from .volume import ReflinkVolume

DEFAULT_URI = "xen:///system"
_PREFIXES = ("appvms", "vm-templates")


def _as_bool(value: Any) -> bool:
    """A pool's option, which comes as a string from the Admin API and from qubes.xml."""
    if isinstance(value, str):
        return value.lower() in ("1", "true", "yes", "on")
    return bool(value)


class ReflinkPool(qubes.storage.Pool):
    """A reflink pool of libvirt's.

    qubesd makes this object for each pool whenever it starts, so making it asks nothing of
    libvirt. The parameters are the options of the Admin API's admin.pool.Add.

    :param dir_path: the directory of the pool
    :param setup_check: False permits a file system without reflinks: images are then copied
    :param libvirt_uri: the daemon whose pool it is
    """

    driver = "libvirt-reflink"

    def __init__(
        self,
        *,
        name: str,
        revisions_to_keep: int = 1,
        dir_path: str,
        setup_check: Any = True,
        ephemeral_volatile: Any = False,
        libvirt_uri: str = DEFAULT_URI,
    ) -> None:
        super().__init__(
            name=name,
            revisions_to_keep=int(revisions_to_keep),
            ephemeral_volatile=_as_bool(ephemeral_volatile),
        )
        self.dir_path = os.path.abspath(dir_path)
        self.connection = connection(libvirt_uri)
        self._setup_check = _as_bool(setup_check)
        self._volumes: Dict[str, ReflinkVolume] = {}

    @property
    def config(self) -> Dict[str, Any]:
        """What qubes.xml keeps. Whether the file system needs reflinks, libvirt's XML keeps."""
        config: Dict[str, Any] = {
            "name": self.name,
            "driver": self.driver,
            "dir_path": self.dir_path,
            "revisions_to_keep": self.revisions_to_keep,
            "ephemeral_volatile": self.ephemeral_volatile,
        }
        if self.connection.uri != DEFAULT_URI:
            config["libvirt_uri"] = self.connection.uri
        return config

    # --- The pool in libvirt

    async def setup(self) -> None:
        """Makes the directory a reflink pool, or takes one that is there.

        StoragePoolException where its file system has no reflinks and setup_check is true:
        nothing is left then.
        """
        with storage_errors(f"cannot set up pool '{self.name}' at '{self.dir_path}'"):
            await in_thread(self._setup)

    def _setup(self) -> None:
        opened = self.connection.get()
        pool = self._find_defined(opened)
        if pool:
            if not pool.isActive():
                start_pool(pool)
        else:
            pool = self._define(opened)
        pool.setAutostart(1)

    def _find_defined(self, opened: libvirt.virConnect) -> Optional[libvirt.virStoragePool]:
        for pool in opened.listAllStoragePools(0):
            if pool.name() != self.name:
                continue
            path = documents.pool_path(pool.XMLDesc(libvirt.VIR_STORAGE_XML_INACTIVE))
            if path and os.path.realpath(path) == os.path.realpath(self.dir_path):
                return pool
            raise qubes.storage.StoragePoolException(
                f"cannot set up pool '{self.name}': libvirt has a pool of that name at '{path}'. "
                "Choose another name, or undefine that one"
            )
        return None

    def _define(self, opened: libvirt.virConnect) -> libvirt.virStoragePool:
        document = documents.pool_document(self.name, self.dir_path, not self._setup_check)
        pool = opened.storagePoolDefineXML(document, 0)
        try:
            pool.build(0)
            pool.create(0)
        except libvirt.libvirtError:
            pool.undefine()
            raise
        return pool

    async def destroy(self) -> None:
        """Removes the pool from libvirt. Its directory stays as it is."""
        with storage_errors(f"cannot remove pool '{self.name}'"):
            await in_thread(self._destroy)

    def _destroy(self) -> None:
        pool = self.connection.get().storagePoolLookupByName(self.name)
        if pool.isActive():
            pool.destroy()
        pool.undefine()
        self.connection.forget(self.name)

    # --- Volumes

    def init_volume(self, vm: Any, volume_config: Dict[str, Any]) -> ReflinkVolume:
        """The volume that VOLUME_CONFIG describes; nothing happens on disk."""
        config = dict(volume_config)
        if "revisions_to_keep" not in config:
            config["revisions_to_keep"] = self.revisions_to_keep
        if "vid" not in config:
            prefix = vm.dir_path_prefix
            if prefix not in _PREFIXES:
                raise qubes.storage.StoragePoolException(
                    f"pool '{self.name}': a volume is in one of {_PREFIXES}, not in '{prefix}'"
                )
            config["vid"] = f"{prefix}/{vm.name}/{config['name']}"
        config["pool"] = self
        volume = ReflinkVolume(**config)
        self._volumes[volume.vid] = volume
        return volume

    def forget_volume(self, vid: str) -> None:
        """The volume has been removed."""
        self._volumes.pop(vid, None)

    def list_volumes(self) -> List[ReflinkVolume]:
        """The volumes that qubesd has of this pool."""
        return list(self._volumes.values())

    def get_volume(self, vid: str) -> ReflinkVolume:
        """One of them; KeyError where there is none."""
        return self._volumes[vid]

    def client(self, vid: str) -> VolumeClient:
        """libvirt's side of a volume."""
        return VolumeClient(self.connection, self.name, self.dir_path, vid)

    # --- Space

    @property
    def usage_details(self) -> Dict[str, int]:
        """Size and usage of the file system; {} where the directory is missing.

        Asked of the file system: what libvirt knows is from its last change of a volume.
        """
        try:
            stat = os.statvfs(self.dir_path)
        except OSError:
            return {}
        return {
            "data_size": stat.f_frsize * stat.f_blocks,
            "data_usage": stat.f_frsize * (stat.f_blocks - stat.f_bfree),
        }

    @property
    def size(self) -> Optional[int]:
        """Bytes of the file system; None where the directory is missing."""
        return self.usage_details.get("data_size")

    @property
    def usage(self) -> Optional[int]:
        """Bytes of it that are in use; None where the directory is missing."""
        return self.usage_details.get("data_usage")

    def included_in(self, app: Any) -> Optional[qubes.storage.Pool]:
        """The pool whose directory has this one's in it, if any."""
        others = [pool for pool in app.pools.values() if pool is not self]
        return qubes.storage.search_pool_containing_dir(others, self.dir_path)
