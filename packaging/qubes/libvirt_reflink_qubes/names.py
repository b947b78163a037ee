# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names of volumes, revisions and their images: libvirt-reflink(7), NAMES and FILES."""

from __future__ import annotations

import os
import re
from typing import NamedTuple, Optional

DIRTY_SUFFIX = "-dirty.img"
CLEAN_SUFFIX = ".img"
# The volume beside a volume that an import is written to.
IMPORT_SUFFIX = ".import"

# What follows the clean image's name in those of its revisions.
_NUMBERED = re.compile(
    r"\.(?P<number>[1-9][0-9]*)@(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})Z"
)
# What the Admin API lets through as the name of a revision.
_LABELLED = re.compile(r"@(?P<label>(?!current$|[0-9]+$)[A-Za-z0-9][A-Za-z0-9:_.-]*)")


class Revision(NamedTuple):
    """A revision of a volume."""

    name: str  # of libvirt's volume: "appvms/a/private@7"
    revision_id: str  # of qubesd: "7", or the label
    time: Optional[str]  # UTC, of what it preserves; None: only the date of its image tells
    path: str  # of its image

    @property
    def number(self) -> int:
        """The number of an automatic revision; 0 of a named one."""
        return int(self.revision_id) if self.time is not None else 0


def dirty_path(dir_path: str, vid: str) -> str:
    """The path of the image that a domain writes to, whether it is there or not."""
    return os.path.join(dir_path, vid + DIRTY_SUFFIX)


def clean_path(dir_path: str, vid: str) -> str:
    """The path of the last committed state."""
    return os.path.join(dir_path, vid + CLEAN_SUFFIX)


def current(vid: str) -> str:
    """The name that stands for the next content of a volume."""
    return vid + "@current"


def of_kind(vid: str, kind: str) -> str:
    """The name by which a new volume asks for its kind."""
    return f"{vid}@kind={kind}"


def labelled(vid: str, label: str) -> str:
    """The name of a named revision."""
    return f"{vid}@{label}"


def parse_revision(dir_path: str, vid: str, path: str) -> Optional[Revision]:
    """The revision of the volume VID whose image is PATH; None if it is that of none."""
    clean = clean_path(dir_path, vid)
    if not path.startswith(clean):
        return None
    numbered = _NUMBERED.fullmatch(path, len(clean))
    if numbered:
        number = numbered["number"]
        return Revision(labelled(vid, number), number, numbered["time"], path)
    label = _LABELLED.fullmatch(path, len(clean))
    return Revision(labelled(vid, label["label"]), label["label"], None, path) if label else None


def is_image_of(path: str, dir_path: str, vid: str) -> bool:
    """True if PATH is the clean image or a revision of the volume VID."""
    clean = clean_path(dir_path, vid)
    return path == clean or path.startswith((clean + ".", clean + "@"))
