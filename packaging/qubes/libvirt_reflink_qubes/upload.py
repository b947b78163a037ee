# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file that is no volume of libvirt's, as the content of a volume."""

from __future__ import annotations

import errno
import os
from typing import Iterator, Optional, Tuple

import libvirt

PIECE = 256 * 1024
_ZEROS = bytes(PIECE)


def upload(
    connection: libvirt.virConnect,
    volume: libvirt.virStorageVol,
    path: str,
    limit: Optional[int] = None,
) -> None:
    """Writes the file or pipe at PATH over VOLUME: all of it, or nothing of it.

    With LIMIT PATH is a file's, of which so many bytes are taken at most. Holes and zeros become
    holes. OSError or libvirt.libvirtError where it fails.
    """
    with open(path, "rb", buffering=0) as file:
        stream = connection.newStream(0)
        volume.upload(stream, 0, 0, libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM)
        try:
            pieces = _pieces(file.fileno())
            for piece, hole in pieces if limit is None else _first(pieces, limit):
                if hole:
                    stream.sendHole(hole, 0)
                _send(stream, piece)
            stream.finish()
        except BaseException:
            _abort(stream)
            raise


def _send(stream: libvirt.virStream, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[stream.send(bytes(view)) :]


def _abort(stream: libvirt.virStream) -> None:
    try:
        stream.abort()
    except libvirt.libvirtError:
        pass  # it had ended by itself


def _pieces(fd: int) -> Iterator[Tuple[bytes, int]]:
    """The data of FD in pieces, each with the length of the hole before it."""
    position = 0
    hole = 0
    while True:
        skipped = _skip(fd, position)
        hole += skipped
        position += skipped
        piece = os.read(fd, PIECE)
        position += len(piece)
        if not piece:
            break
        if piece == _ZEROS[: len(piece)]:
            hole += len(piece)
            continue
        yield piece, hole
        hole = 0
    if hole:
        yield b"", hole


def _first(pieces: Iterator[Tuple[bytes, int]], left: int) -> Iterator[Tuple[bytes, int]]:
    """The first LEFT bytes of PIECES."""
    for piece, hole in pieces:
        hole = min(hole, left)
        piece = piece[: left - hole]
        left -= hole + len(piece)
        yield piece, hole
        if not left:
            return


def _skip(fd: int, position: int) -> int:
    """Moves FD to its next data; returns how far that was. 0 for what has no holes."""
    try:
        return os.lseek(fd, position, os.SEEK_DATA) - position
    except OSError as error:
        if error.errno == errno.ENXIO:  # no more data
            return os.lseek(fd, 0, os.SEEK_END) - position
        if error.errno in (errno.ESPIPE, errno.EINVAL, errno.EOPNOTSUPP):
            return 0
        raise
