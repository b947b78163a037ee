# SPDX-License-Identifier: LGPL-2.1-or-later
"""The volume, as qubesd calls it.

qubesd's words and libvirt-reflink's: save_on_stop is a persistent volume, or a direct one with
revisions_to_keep=-1; snap_on_start a snapshot volume; neither a volatile one.

libvirt's hook starts the volumes of a domain before it runs and stops them after it. start(),
which qubesd calls before, sees that there is the right volume to be started. stop(), which it
calls after, waits until the hook has done its work, and removes old revisions. An ephemeral
volume, whose path no domain has as a disk (a mapped device is), is started and stopped here.
"""

from __future__ import annotations

import inspect
from typing import Any, Dict, Optional

import libvirt
import qubes.storage

from . import files, names
from .client import AmbiguousRevision, VolumeClient
from .connection import in_thread, later, log
from .errors import is_missing, is_too_small, storage_errors


class ReflinkVolume(qubes.storage.Volume):
    """A volume of a reflink pool. Making this object asks nothing of libvirt."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._size = int(kwargs.get("size") or 0)
        self._wanted_size = 0  # of a snapshot that is not there yet; 0: its source's
        if self.snap_on_start and self.save_on_stop:
            raise qubes.storage.StoragePoolException(
                f"volume '{self.vid}' cannot both be a snapshot of another one and save its changes"
            )
        if self.snap_on_start and self.source is None:
            raise qubes.storage.StoragePoolException(
                f"volume '{self.vid}' is to be a snapshot, and has no source"
            )

    @property
    def _client(self) -> VolumeClient:
        return self.pool.client(self.vid)

    @property
    def _wanted_kind(self) -> str:
        return "direct" if self.snapshots_disabled else "persistent"

    async def _do(self, verb: str, function: Any, *arguments: Any) -> Any:
        """Calls FUNCTION in a thread, with libvirt's errors as qubesd knows them."""
        with storage_errors(f"cannot {verb} volume '{self.vid}'"):
            return await in_thread(function, *arguments)

    # --- What qubesd asks in its event loop: one quick call each at most

    @property
    def path(self) -> str:
        """The image that the domain writes to, whether it is there or not."""
        return self._client.clean_path if self.ephemeral else self._client.dirty_path

    def is_dirty(self) -> bool:
        """True if there are changes that have not been committed."""
        return self.save_on_stop and self._client.is_dirty()

    def is_outdated(self) -> bool:
        """True if the source was committed since this snapshot was started."""
        client = self._client
        if not self.snap_on_start or not client.is_dirty():
            return False
        with storage_errors(f"cannot look at volume '{self.vid}'"):
            state = client.state()
        return state is not None and state.backing != self._source_client().clean_path

    @property
    def size(self) -> int:
        """Bytes: what libvirt says, else the last that is known."""
        sizes = self._sizes()
        if sizes:
            self._size = sizes.capacity
        return self._size

    @property
    def usage(self) -> int:
        """Bytes that its image occupies, shared ones as well."""
        sizes = self._sizes()
        return sizes.allocation if sizes else 0

    def _sizes(self) -> Any:
        try:
            return self._client.sizes()
        except libvirt.libvirtError as error:
            # Whoever asks for a size expects no error, and qubes.xml is written with it.
            log.warning("cannot look at volume '%s': %s", self.vid, error)
            return None

    @property
    def revisions(self) -> Dict[str, str]:
        """The ids of its revisions, with the time of what each preserves (UTC)."""
        if not self.save_on_stop:
            return {}
        with storage_errors(f"cannot list the revisions of volume '{self.vid}'"):
            return {
                each.revision_id: each.time or files.modification_time(each.path)
                for each in self._client.revisions()
            }

    # --- From its making to its end

    @qubes.storage.Volume.locked
    async def create(self) -> "ReflinkVolume":
        """Makes it, empty. What an earlier volume of that name left is removed first.

        A snapshot or volatile volume is made when it is first started.
        """
        await self._do("create", self._create)
        return self

    def _create(self) -> None:
        client = self._client
        self._delete_all()
        client.delete_remains()
        if self.save_on_stop:
            client.create(self._size, kind=self._wanted_kind)

    @qubes.storage.Volume.locked
    async def remove(self) -> "ReflinkVolume":
        """Deletes it with its revisions, and its directory where that is empty."""
        self.pool.forget_volume(self.vid)
        await self._do("remove", self._delete_all)
        return self

    def _delete_all(self) -> None:
        self._delete_import()
        self._client.delete()

    def _delete_import(self) -> None:
        """What qubesd has left if it ended during an import."""
        importing = self._client.beside(names.IMPORT_SUFFIX)
        if importing.has_files():
            importing.delete()

    def verify(self) -> bool:
        """True if what it needs to be started is there; else StoragePoolException."""
        needed = self._source_client() if self.snap_on_start else self._client
        if not self.save_on_stop and not self.snap_on_start:
            return True
        with storage_errors(f"cannot look at volume '{self.vid}'"):
            if needed.sizes():
                return True
        raise qubes.storage.StoragePoolException(
            f"volume '{needed.vid}' is missing in pool '{needed.pool}'"
        )

    def _source_client(self) -> VolumeClient:
        return self.source.pool.client(self.source.vid)

    # --- Start and stop

    @qubes.storage.Volume.locked
    async def start(self) -> "ReflinkVolume":
        """Makes sure that libvirt's hook can start it with its domain."""
        await self._do("start", self._start)
        return self

    def _start(self) -> None:
        if self.ephemeral:
            self._start_scratch()
        elif self.save_on_stop:
            self._start_saved()
        elif self.snap_on_start:
            self._start_snapshot()
        else:
            self._start_volatile()

    def _start_saved(self) -> None:
        client = self._client
        self._delete_import()
        if not client.has_image() and client.sizes() is None:
            raise qubes.storage.StoragePoolException(
                f"cannot start volume '{self.vid}': it is missing in pool '{client.pool}'"
            )
        if client.kind() != self._wanted_kind and not client.is_dirty():
            self._change_kind()
        if self.snapshots_disabled:
            client.prune(0)

    def _change_kind(self) -> None:
        """Snapshots have been turned off or on (revisions_to_keep=-1): its content stays."""
        client = self._client
        log.info("volume '%s' becomes %s", self.vid, self._wanted_kind)
        same = client.replace_by(client.handle(), kind=self._wanted_kind)
        same.delete(0)

    def _start_snapshot(self) -> None:
        client, source = self._client, self._source_client()
        if source.pool != client.pool:
            raise qubes.storage.StoragePoolException(
                f"cannot start volume '{self.vid}': its source '{source.vid}' is in another pool"
            )
        state = client.state()
        ours = state is not None and client.kind() == "snapshot"
        if ours and (client.is_dirty() or self._is_of_source(state.backing)):
            return
        if state:  # of a template that its VM had before
            client.delete()
        client.create(self._wanted_size, source=source)

    def _is_of_source(self, backing: Optional[str]) -> bool:
        source = self._source_client()
        return backing is not None and names.is_image_of(backing, source.dir_path, source.vid)

    def _start_volatile(self) -> None:
        client = self._client
        state = client.state()
        if state and client.kind() != "volatile":  # it was ephemeral, and is no more
            client.delete()
            state = None
        if state is None:
            client.create(self._size, kind="volatile")
        elif state.capacity != _whole_sectors(self._size) and not client.is_dirty():
            client.resize(self._size)

    def _start_scratch(self) -> None:
        """No domain has it as a disk, so nothing starts it: its clean image is what is mapped."""
        self._client.delete()
        self._client.create(self._size)

    @qubes.storage.Volume.locked
    async def stop(self) -> "ReflinkVolume":
        """Waits for libvirt's hook. What it is not to keep is removed later."""
        await self._do("stop", self._stop)
        return self

    def _stop(self) -> None:
        client = self._client
        if self.ephemeral:
            client.delete()
        elif not client.wait_until_stopped():
            log.warning("volume '%s' has a dirty image that no domain's end has stopped", self.vid)
        elif self.save_on_stop and client.has_files():
            # To free a fragmented image takes as long as to clone it.
            later.add(lambda: client.prune(self._keep))

    @property
    def _keep(self) -> int:
        return max(0, self.revisions_to_keep)

    # --- Content

    @qubes.storage.Volume.locked
    async def revert(self, revision: Optional[str] = None) -> "ReflinkVolume":
        """Gives it the content of REVISION, or of the newest.

        IndexError where it has none, KeyError where not that one, StoragePoolException where it
        cannot be told which is the newest. What it had becomes a revision.
        """
        self._refuse_dirty("revert")
        await self._do("revert", self._revert, revision)
        return self

    def _revert(self, revision_id: Optional[str]) -> None:
        client = self._client
        if revision_id is None:
            revision = self._newest()
        else:
            revision = {each.revision_id: each for each in client.revisions()}[revision_id]
        client.replace_by(client.revision_handle(revision))

    def _newest(self) -> names.Revision:
        try:
            return self._client.newest()
        except AmbiguousRevision as error:
            raise qubes.storage.StoragePoolException(
                f"cannot revert volume '{self.vid}': {error}"
            ) from error

    async def snapshot(self, label: str) -> None:
        """Makes the named revision LABEL of what it is now, also while its domain runs."""
        await self._do("make a revision of", self._client.label, label)

    @qubes.storage.Volume.locked
    async def resize(self, size: int) -> None:
        """Makes it larger or smaller. A running volume's new size goes with its changes."""
        if not self.rw:
            raise qubes.storage.StoragePoolException(
                f"cannot resize volume '{self.vid}': it is read-only"
            )
        await self._do("resize", self._resize, int(size))

    def _resize(self, size: int) -> None:
        client = self._client
        try:
            client.resize(size)
        except libvirt.libvirtError as error:
            if is_missing(error) and not self.save_on_stop:
                self._wanted_size = size  # for its first start
            elif self.save_on_stop and not client.is_dirty() and is_too_small(error):
                self._cut(size)
            else:
                raise
        self._size = size

    def _cut(self, size: int) -> None:
        """Makes it smaller than what it occupies, which libvirt itself refuses.

        Its beginning is copied, and what it was becomes a revision.
        """
        client, smaller = self._client, self._client.beside(names.IMPORT_SUFFIX)
        smaller.delete()
        try:
            smaller.create(size)
            smaller.upload(client.clean_path, size)
            self._become(smaller.handle())
        finally:
            smaller.delete()

    async def export(self) -> str:
        """The path of the last committed state. Whoever has opened it reads one state to the end."""
        if not self.save_on_stop:
            raise NotImplementedError(f"volume '{self.vid}' has no content to export")
        client = self._client
        if not await in_thread(_is_file, client.clean_path):
            raise qubes.storage.StoragePoolException(
                f"cannot export volume '{self.vid}': it has no committed image"
            )
        return client.clean_path

    async def export_end(self, path: str) -> None:
        """Ends what export() began: nothing was made for it."""

    def _refuse_dirty(self, verb: str) -> None:
        if self._client.is_dirty():
            raise qubes.storage.StoragePoolException(
                f"cannot {verb} volume '{self.vid}': it has changes that are not committed. "
                "Shut its VM down"
            )

    def _require_saved(self, verb: str) -> None:
        if not self.save_on_stop:
            raise NotImplementedError(f"volume '{self.vid}': cannot {verb} what is not saved")

    @qubes.storage.Volume.locked
    async def import_data(self, size: int) -> str:
        """The path of an empty image of SIZE bytes, to be written and then import_data_end()ed."""
        self._require_saved("import into")
        self._refuse_dirty("import into")
        return await self._do("import into", self._begin_import, int(size))

    def _begin_import(self, size: int) -> str:
        importing = self._client.beside(names.IMPORT_SUFFIX)
        importing.delete()
        importing.create(size)
        return importing.clean_path

    @qubes.storage.Volume.locked
    async def import_data_end(self, success: bool) -> "ReflinkVolume":
        """With SUCCESS the image becomes the content, and the content a revision."""
        self._require_saved("import into")
        await self._do("import into", self._end_import, bool(success))
        return self

    def _end_import(self, success: bool) -> None:
        importing = self._client.beside(names.IMPORT_SUFFIX)
        try:
            if success:
                self._become(importing.handle())
        finally:
            importing.delete()

    def _become(self, source: libvirt.virStorageVol) -> None:
        """Takes the content and size of SOURCE; made if it is missing, as a clone's volumes are."""
        client = self._client
        self._refuse_dirty("import into")
        if client.sizes() is None:
            client.create_from(source, kind=self._wanted_kind)
            return
        client.replace_by(source)
        client.prune(self._keep)

    @qubes.storage.Volume.locked
    async def import_volume(self, src_volume: qubes.storage.Volume) -> "ReflinkVolume":
        """Takes the last committed content and the size of SRC_VOLUME, of any driver."""
        if not self.save_on_stop:
            return self
        self._refuse_dirty("import into")
        if self._is_near(src_volume):
            if not src_volume.save_on_stop:
                raise NotImplementedError(f"volume '{src_volume.vid}' has no content to import")
            source = src_volume.pool.client(src_volume.vid)
            await self._do("import into", lambda: self._become(source.handle()))
            return self
        path = await _result(src_volume.export())
        try:
            await self._do("import into", self._import_file, path, int(src_volume.size))
        finally:
            await _result(src_volume.export_end(path))
        return self

    def _is_near(self, volume: qubes.storage.Volume) -> bool:
        """True if VOLUME is of this driver and of the same libvirt."""
        return (
            isinstance(volume, ReflinkVolume)
            and volume.pool.connection is self.pool.connection
        )

    def _import_file(self, path: str, size: int) -> None:
        importing = self._client.beside(names.IMPORT_SUFFIX)
        importing.delete()
        try:
            importing.create(size)
            importing.upload(path)
            self._become(importing.handle())
        finally:
            importing.delete()


def _whole_sectors(size: int) -> int:
    """What a reflink pool makes of SIZE."""
    return (size + 511) // 512 * 512


def _is_file(path: str) -> bool:
    try:
        with open(path, "rb"):
            return True
    except OSError:
        return False


async def _result(value: Any) -> Any:
    """What a function of another driver returned, which may be a coroutine's."""
    return await value if inspect.isawaitable(value) else value
