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

_REVISION_NAME = re.compile(r"@(?P<number>[1-9][0-9]*)$")
_REVISION_PATH = re.compile(
    r"\.img\.[0-9]+@(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})Z$"
)
# What the Admin API lets through as the name of a revision.
_LABEL_NAME = re.compile(r"@(?P<label>(?!current$)[A-Za-z0-9][A-Za-z0-9:_.-]*)$")


class Revision(NamedTuple):
    """A revision of a volume as libvirt lists it."""

    name: str  # of libvirt's volume: "appvms/a/private@7"
    revision_id: str  # of qubesd: "7", or the label
    time: Optional[str]  # UTC, of what it preserves; None: only its XML tells

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


def parse_revision(vid: str, name: str, path: str) -> Optional[Revision]:
    """What libvirt lists as NAME with PATH, if it is a revision of the volume VID.

    The time of an automatic revision stands in its path.
    """
    if not name.startswith(vid + "@"):
        return None
    number = _REVISION_NAME.fullmatch(name, len(vid))
    time = _REVISION_PATH.search(path)
    if number and time:
        return Revision(name, number["number"], time["time"])
    label = _LABEL_NAME.fullmatch(name, len(vid))
    return Revision(name, label["label"], None) if label and not number else None


def is_image_of(path: str, dir_path: str, vid: str) -> bool:
    """True if PATH is the clean image or a revision of the volume VID."""
    clean = clean_path(dir_path, vid)
    return path == clean or path.startswith((clean + ".", clean + "@"))
