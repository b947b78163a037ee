# SPDX-License-Identifier: LGPL-2.1-or-later
"""A storage driver for qubesd: its volumes are those of a libvirt reflink pool.

qubesd finds :class:`ReflinkPool` by the entry point group ``qubes.storage``. All of the work is
libvirt's: the driver asks for it through libvirt's storage API. libvirt's hook starts and stops
the volumes with their domains. See docs/qubes.md.
"""

from .pool import ReflinkPool
from .volume import ReflinkVolume

__all__ = ["ReflinkPool", "ReflinkVolume"]
