# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the files of revisions say of themselves, and libvirt does not."""

from __future__ import annotations

import datetime
import errno
import os

# common/fs/xattr.h, RL_ATTR_LAYER
_LAYER = "trusted.libvirt-reflink.layer"


def modified_ns(path: str) -> int:
    """When the content of PATH was changed, in nanoseconds; 0 where the file is gone."""
    try:
        return os.stat(path, follow_symlinks=False).st_mtime_ns
    except OSError:
        return 0


def modification_time(path: str) -> str:
    """When the content of PATH was changed: UTC, in ISO 8601."""
    time = datetime.datetime.fromtimestamp(modified_ns(path) // 10**9, datetime.timezone.utc)
    return time.strftime("%Y-%m-%dT%H:%M:%S")


def is_layer(path: str) -> bool:
    """True if a domain's overlay may need the image PATH: as the pool's own pruning asks it."""
    try:
        os.getxattr(path, _LAYER, follow_symlinks=False)
    except OSError as error:
        return error.errno not in (errno.ENODATA, errno.ENOTSUP, errno.ENOENT)
    return True
