# SPDX-License-Identifier: LGPL-2.1-or-later
"""The connection to libvirt, and how its calls, which wait, are made from an event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import logging
import queue
import threading
from typing import Any, Callable, Dict, Optional, Tuple, TypeVar

import libvirt

log = logging.getLogger("qubes.storage.libvirt-reflink")

Result = TypeVar("Result")

# So many calls may wait at once: libvirt's daemon takes five of a client at the same time by
# default (max_client_requests), one is qubesd's event loop's, and one is LATER's.
THREADS_MAX = 3

_executor = concurrent.futures.ThreadPoolExecutor(THREADS_MAX, "libvirt-reflink")


async def in_thread(function: Callable[..., Result], *arguments: Any) -> Result:
    """Calls FUNCTION in a thread.

    A task that is cancelled ends only when the call has: until then its volume stays locked.
    """
    loop = asyncio.get_running_loop()
    call = loop.run_in_executor(_executor, functools.partial(function, *arguments))
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        while not call.done():
            try:
                await asyncio.wait([call])
            except asyncio.CancelledError:
                continue
        call.exception()  # nobody else looks at it
        raise


class Later:
    """Does what nobody waits for, one thing after the other, in a thread of its own.

    qubesd's end does not wait for it, so what is left must be made up for by what comes next.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: Optional[threading.Thread] = None
        self._queue: "queue.Queue[Callable[[], None]]" = queue.Queue()

    def add(self, function: Callable[[], None]) -> None:
        """Has FUNCTION called."""
        self._queue.put(function)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="libvirt-reflink-later", daemon=True
                )
                self._thread.start()

    def wait(self) -> None:
        """Waits until all of it is done: for tests."""
        self._queue.join()

    def _work(self) -> None:
        while True:
            function = self._queue.get()
            try:
                function()
            except Exception:  # pylint: disable=broad-except
                log.exception("what was left for later failed")
            finally:
                self._queue.task_done()


later = Later()


class Connection:
    """A connection to libvirt that is opened when it is needed, and again when it broke.

    It may be used by several threads. Handles of pools and volumes are kept as long as the
    connection: libvirt finds what a handle is of by its name.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._lock = threading.Lock()
        self._open: Optional[libvirt.virConnect] = None
        self._handles: Dict[Tuple[str, str], Any] = {}

    def get(self) -> libvirt.virConnect:
        """The connection. Opening it may fail with libvirt.libvirtError."""
        with self._lock:
            if not _is_alive(self._open):
                self._handles.clear()
                self._open = None
                self._open = libvirt.open(self.uri)
            return self._open

    def pool(self, name: str) -> libvirt.virStoragePool:
        """The pool NAME, started if it was not."""

        def find() -> libvirt.virStoragePool:
            pool = self.get().storagePoolLookupByName(name)
            if not pool.isActive():
                start_pool(pool)
            return pool

        return self._handle((name, ""), find)

    def volume(self, pool: str, name: str) -> libvirt.virStorageVol:
        """The volume NAME of POOL; libvirt.libvirtError where there is none.

        A kept handle does not say that the volume is still there. The next call on it does.
        """
        return self._handle((pool, name), lambda: self.pool(pool).storageVolLookupByName(name))

    def on_pool(self, name: str, operation: Callable[[libvirt.virStoragePool], Result]) -> Result:
        """Does OPERATION on the pool NAME; once more where that had been stopped, or made anew."""
        pool = self.pool(name)
        try:
            return operation(pool)
        except libvirt.libvirtError as error:
            code = error.get_error_code()
            if code == libvirt.VIR_ERR_NO_STORAGE_POOL:
                self.forget(name)
            elif code != libvirt.VIR_ERR_OPERATION_INVALID or pool.isActive():
                raise
            else:
                start_pool(pool)
        return operation(self.pool(name))

    def on_volume(
        self, pool: str, name: str, operation: Callable[[libvirt.virStorageVol], Result]
    ) -> Result:
        """Does OPERATION on the volume NAME of POOL, as on_pool() does."""
        return self.on_pool(pool, lambda _: operation(self.volume(pool, name)))

    def forget(self, pool: str, name: str = "") -> None:
        """Drops a handle, so that the next use looks anew."""
        with self._lock:
            self._handles.pop((pool, name), None)

    def _handle(self, key: Tuple[str, str], find: Callable[[], Any]) -> Any:
        opened = self.get()
        with self._lock:
            handle = self._handles.get(key)
        if handle is None:
            handle = find()
            with self._lock:
                if self._open is opened:
                    self._handles[key] = handle
        return handle


def _is_alive(opened: Optional[libvirt.virConnect]) -> bool:
    try:
        return opened is not None and bool(opened.isAlive())
    except libvirt.libvirtError:
        return False


def start_pool(pool: libvirt.virStoragePool) -> None:
    """Starts POOL; that another client was faster is as good."""
    try:
        pool.create()
    except libvirt.libvirtError:
        if not pool.isActive():
            raise


_connections: Dict[str, Connection] = {}
_connections_lock = threading.Lock()


def connection(uri: str) -> Connection:
    """The process's one connection to URI; it need not be open."""
    with _connections_lock:
        return _connections.setdefault(uri, Connection(uri))
