# SPDX-License-Identifier: LGPL-2.1-or-later
"""A VM's life as qubesd plays it, with a real domain that libvirt runs under QEMU.

The guest adds one to a counter on each of its disks, and then idles until it is ended (boot.S).
"""

import asyncio
import os
import struct
import time
import unittest

import libvirt
from qubes.storage import StoragePoolException

import lab
from lab import MIB, Case, run

BOOT_IMAGE = os.path.join(os.environ["BUILD_DIR"], "guest", "boot.img")


def counter(path):
    """How often a guest has run on the disk."""
    with open(path, "rb") as file:
        file.seek(512)
        return struct.unpack("<I", file.read(4))[0]


class RealDomain:
    """A domain of libvirt's on the volumes root, private and volatile."""

    def __init__(self, name, volumes):
        self.name, self.volumes = name, volumes
        self.serial = os.path.join(lab.LAB, f"{name}.serial")
        self.domain = libvirt.open(lab.URI).defineXML(self._document())

    def _document(self):
        disks = "".join(
            "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
            f"<source file='{volume.path}'/><target dev='hd{letter}' bus='ide'/></disk>"
            for volume, letter in zip(self.volumes, "abcd")
        )
        return (
            f"<domain type='qemu'><name>{self.name}</name><memory unit='MiB'>16</memory>"
            "<os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>"
            f"<features><acpi/></features><devices>{disks}"
            "<controller type='usb' model='none'/><memballoon model='none'/>"
            f"<serial type='file'><source path='{self.serial}'/></serial></devices></domain>"
        )

    async def start(self):
        """As qubesd: all volumes at once, and then the domain."""
        await asyncio.gather(*(volume.start() for volume in self.volumes))
        if os.path.exists(self.serial):
            os.unlink(self.serial)
        await asyncio.to_thread(self.domain.create)
        await self._has_counted()

    async def _has_counted(self):
        deadline = time.monotonic() + 60
        last = f"disk {len(self.volumes) - 1}:"
        while not os.path.exists(self.serial) or last not in lab.read(self.serial).decode():
            assert time.monotonic() < deadline, "the guest does not count"
            await asyncio.sleep(0.05)

    async def stop(self):
        """As qubesd: when the domain has ended, all volumes at once."""
        await asyncio.to_thread(self._destroy)
        await asyncio.gather(*(volume.stop() for volume in self.volumes))
        await asyncio.to_thread(lab.workers_done)

    def _destroy(self):
        try:
            self.domain.destroy()
        except libvirt.libvirtError:
            if self.domain.isActive():
                raise
        lab.workers_done()

    async def remove(self):
        """As qubesd: the domain, and then its volumes."""
        self.domain.undefine()
        for volume in self.volumes:
            await volume.remove()


class Life(Case):
    def setUp(self):
        super().setUp()
        self.pool = self.make_pool(revisions_to_keep="2")

    def domain(self, name, template):
        return RealDomain(
            name,
            [
                self.volume(self.pool, name, "root", snap_on_start=True, source=template, size=0),
                self.volume(self.pool, name, "private"),
                self.volume(self.pool, name, "volatile", save_on_stop=False),
            ],
        )

    async def install_template(self):
        template = self.volume(self.pool, "t", "root", prefix="vm-templates")
        await template.create()
        path = await template.import_data(os.path.getsize(BOOT_IMAGE))
        with open(BOOT_IMAGE, "rb") as file:
            lab.write(path, file.read())
        lab.write(path, b"P", offset=1024)  # it idles when it has counted
        await template.import_data_end(True)
        return template

    def test_life(self):
        run(self.life())

    async def life(self):
        template = await self.install_template()
        work = self.domain("work", template)
        root, private, volatile = work.volumes
        for volume in work.volumes:
            await volume.create()

        # Two runs. What the guest does to root and volatile is gone after each.
        for number in (1, 2):
            await work.start()
            self.assertTrue(private.is_dirty())
            self.assertFalse(root.is_outdated())
            self.assertEqual([counter(volume.path) for volume in work.volumes], [1, number, 1])
            self.assertEqual(counter(self.clean(private)), number - 1)
            await work.stop()
            self.assertEqual(counter(self.clean(private)), number)
            self.assertFalse(os.path.exists(root.path) or os.path.exists(volatile.path))
        self.assertEqual(list(private.revisions), ["1", "2"])

        # Running: it is resized, cloned and backed up; its clone runs beside it.
        await work.start()
        await private.resize(4 * MIB)
        clone = self.domain("clone", template)
        await clone.volumes[1].import_volume(private)
        self.assertEqual(counter(self.clean(clone.volumes[1])), 2)
        await clone.start()
        self.assertEqual([counter(volume.path) for volume in clone.volumes], [1, 3, 1])
        path = await private.export()
        with open(path, "rb") as backup:
            await work.stop()
            backup.seek(512)
            self.assertEqual(struct.unpack("<I", backup.read(4))[0], 2)
        await private.export_end(path)
        self.assertEqual((counter(self.clean(private)), private.size), (3, 4 * MIB))

        # A VM that cannot start leaves nothing started, also if qubesd stops it all the same.
        clone_again = RealDomain("again", clone.volumes)
        with self.assertRaises(libvirt.libvirtError):
            await clone_again.start()
        clone_again.domain.undefine()
        self.assertTrue(clone.volumes[1].is_dirty())

        # A revert, refused while it runs, and a run on it.
        with self.assertRaises(StoragePoolException):
            await clone.volumes[1].revert()
        self.assertEqual(list(private.revisions), ["2", "3"])
        await private.revert("2")
        self.assertEqual((counter(self.clean(private)), private.size), (1, MIB))
        await work.start()
        await work.stop()
        self.assertEqual(counter(self.clean(private)), 2)

        # The template is updated while the clone runs.
        update = RealDomain("t", [template])
        await update.start()
        self.assertFalse(clone.volumes[0].is_outdated())
        await update.stop()
        self.assertTrue(clone.volumes[0].is_outdated())
        await clone.stop()
        await clone.start()
        self.assertEqual(counter(clone.volumes[0].path), 2)

        # qubesd ends, its VM ends meanwhile, and a new qubesd goes on.
        clone._destroy()
        self.assertFalse(clone.volumes[1].is_dirty())
        for volume in clone.volumes:
            await volume.stop()

        for each in (work, clone, update):
            await each.remove()
        self.assertEqual(self.left(), [])

    def left(self):
        """The files in the pool, when what is removed later has been."""
        deadline = time.monotonic() + 10
        while True:
            found = [os.path.join(place, name)
                     for place, _, files in os.walk(self.pool.dir_path) for name in files]
            found = [path for path in found if not path.endswith("/.reflink-pool.xml")]
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.05)


if __name__ == "__main__":
    unittest.main()
