# SPDX-License-Identifier: LGPL-2.1-or-later
"""The XML that goes to libvirt and comes from it: libvirt-reflink(7)."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import NamedTuple, Optional
from xml.sax.saxutils import escape, quoteattr

NAMESPACE = "urn:libvirt-reflink:storagepool:1.0"
# The most that a rule takes. The driver itself deletes what exceeds a volume's own number.
KEEP_ALL = 100000


class VolumeState(NamedTuple):
    """What libvirt says of a volume."""

    capacity: int  # bytes
    backing: Optional[str]  # the path in <backingStore>


def pool_document(name: str, path: str, fallback: bool) -> str:
    """The XML of a reflink pool; FALLBACK permits a file system without reflinks."""
    return (
        f"<pool type='dir' xmlns:reflink={quoteattr(NAMESPACE)}>"
        f"<name>{escape(name)}</name>"
        f"<target><path>{escape(path)}</path></target>"
        "<reflink:options>"
        f"<reflink:revisions keep='{KEEP_ALL}'/>"
        f"<reflink:fallback copy='{'yes' if fallback else 'no'}'/>"
        "</reflink:options></pool>"
    )


def volume_document(name: str, capacity: int, backing: Optional[str] = None) -> str:
    """The XML of a new volume of CAPACITY bytes; a snapshot volume of the image BACKING."""
    source = f"<backingStore><path>{escape(backing)}</path></backingStore>" if backing else ""
    return (
        f"<volume><name>{escape(name)}</name>"
        f"<capacity unit='bytes'>{capacity}</capacity>{source}</volume>"
    )


def pool_path(document: str) -> Optional[str]:
    """The path of the pool that DOCUMENT is of."""
    return ElementTree.fromstring(document).findtext("target/path")


def volume_state(document: str) -> VolumeState:
    """What DOCUMENT, a volume's XML, says."""
    volume = ElementTree.fromstring(document)
    return VolumeState(
        capacity=int(volume.findtext("capacity") or 0),
        backing=volume.findtext("backingStore/path"),
    )


class Record(NamedTuple):
    """What the pool records of a volume that is not plainly persistent."""

    kind: Optional[str]
    source: Optional[str]  # the volume that a snapshot is of


def record(path: str) -> Optional[Record]:
    """The record at PATH; None without one: the volume is persistent.

    libvirt's API does not tell the kind of a volume at rest.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return None
    element = root.find(f".//{{{NAMESPACE}}}volume")
    return Record(element.get("kind"), element.get("source")) if element is not None else None
