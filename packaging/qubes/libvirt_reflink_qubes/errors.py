# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirt's errors as qubesd knows them."""

from __future__ import annotations

import contextlib
from typing import Iterator

import libvirt
import qubes.storage


def is_missing(error: libvirt.libvirtError) -> bool:
    """True if ERROR says that the volume or its pool is not there."""
    return error.get_error_code() in (
        libvirt.VIR_ERR_NO_STORAGE_VOL,
        libvirt.VIR_ERR_NO_STORAGE_POOL,
    )


def is_too_small(error: libvirt.libvirtError) -> bool:
    """True if ERROR, of a resize, says that the volume occupies more than that size."""
    return error.get_error_code() == libvirt.VIR_ERR_INVALID_ARG


@contextlib.contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """An error of libvirt's, or of a file, is a StoragePoolException that says WHAT failed and why."""
    try:
        yield
    except (libvirt.libvirtError, OSError) as error:
        raise qubes.storage.StoragePoolException(f"{what}: {error}") from error
