# SPDX-License-Identifier: LGPL-2.1-or-later
"""What qubesd asks of a storage driver: a test for each row of the table in docs/qubes.md."""

import asyncio
import os
import re
import subprocess
import threading
import time
import unittest
import unittest.mock

import libvirt
import qubes.storage
from qubes.storage import StoragePoolException

import lab
from lab import MIB, PoolCase, run
from libvirt_reflink_qubes.connection import THREADS_MAX, in_thread


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


class Requirements(PoolCase):
    # --- The rows

    def test_01_names(self):
        template = self.template(b"one")
        self.commit(template, b"two")
        self.assertEqual(self.clean(template), f"{self.pool.dir_path}/vm-templates/t/root.img")
        self.assertEqual(template.vid, "vm-templates/t/root")
        revisions = [name for name in self.files(template) if "@" in name]
        for name in revisions:
            self.assertRegex(name, r"^root\.img\.[12]@\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(len(revisions), 2)
        domain = self.begin(template)
        self.assertTrue(os.path.exists(f"{self.pool.dir_path}/vm-templates/t/root-dirty.img"))
        for name in os.listdir(os.path.dirname(template.path)):
            mode = os.stat(os.path.join(os.path.dirname(template.path), name)).st_mode & 0o777
            self.assertEqual(mode, 0o600, name)
        self.end(domain)

    def test_02_create(self):
        volume = self.volume(self.pool, size=3 * MIB)
        run(volume.create())
        stat = os.stat(self.clean(volume))
        self.assertEqual(stat.st_size, 3 * MIB)
        self.assertLessEqual(stat.st_blocks, 8)  # ext4's attributes are a block
        self.assertEqual(volume.size, 3 * MIB)
        # What an earlier volume left is wiped: its images, its revisions, those without an image.
        self.commit(volume, b"earlier")
        run(volume.create())
        self.assertEqual((self.content(volume), volume.revisions), (b"", {}))
        self.commit(volume, b"earlier")
        os.unlink(self.clean(volume))
        lab.workers_done()
        for name in os.listdir(os.path.dirname(volume.path)):
            if name.endswith("-precache.img"):
                os.unlink(os.path.join(os.path.dirname(volume.path), name))
        self.pool.connection.pool("qubes").refresh()
        run(volume.create())
        self.assertEqual((self.content(volume), volume.revisions), (b"", {}))

        with self.assertRaises(StoragePoolException):  # its directory would be an image's name
            run(self.volume(self.pool, vm="work.img").create())

    def test_03_start(self):
        volume = self.made(self.pool, b"committed")
        lab.workers_done()
        clean = os.stat(self.clean(volume))
        domain = self.begin(volume)
        self.assertNotEqual(os.stat(volume.path).st_ino, clean.st_ino)
        if lab.HAS_REFLINKS:
            self.assertTrue(lab.shares_all(volume.path, self.clean(volume)))
        lab.write(volume.path, b"dirty")
        # A start on a dirty volume, as after a crash of qubesd, keeps its data.
        run(volume.start())
        domain.begin()
        self.assertEqual(lab.read(volume.path), b"dirtytted")
        self.assertEqual(self.content(volume), b"committed")
        self.assertEqual(os.stat(self.clean(volume)).st_ino, clean.st_ino)
        self.end(domain)
        # What an import left that was cut off is removed.
        run(volume.import_data(MIB))
        self.assertIn("private.import.img", self.files(volume))
        domain = self.begin(volume)
        self.end(domain)
        self.assertFalse([name for name in self.files(volume) if "import" in name or "~" in name])

    def test_04_stop(self):
        volume = self.made(self.pool, b"one")
        domain = self.begin(volume)
        lab.write(volume.path, b"two")
        dirty = os.stat(volume.path).st_ino
        self.assertTrue(volume.is_dirty())
        self.end(domain)
        self.assertEqual(os.stat(self.clean(volume)).st_ino, dirty)
        self.assertFalse(os.path.exists(volume.path))
        self.assertFalse(volume.is_dirty())
        before = (self.files(volume), volume.revisions)
        for _ in range(2):  # also twice
            run(volume.stop())
            domain.end()
        self.assertEqual((self.files(volume), volume.revisions), before)

    def test_05_durability(self):
        volume = self.made(self.pool, b"one")
        domain = self.begin(volume)
        lab.write(volume.path, b"two")
        trace = os.path.join(lab.LAB, "trace")
        hook = f"{lab.LAB}/virtxend"
        traced = ["strace", "-f", "-y", "-o", trace, "-e", "trace=/fsync|rename|link|unlink", hook]
        with unittest.mock.patch.object(lab, "HOOK_COMMAND", traced):
            domain.end()
        run(volume.stop())
        with open(trace, encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
        rename = next(i for i, line in enumerate(lines) if re.search(r'rename.*-dirty\.img.*private\.img"', line))
        link = next(i for i, line in enumerate(lines) if re.search(r"link(at)?\(.*img\.\d+@", line))
        synced = [i for i, line in enumerate(lines) if re.search(r"fsync\(\d+<.*-dirty\.img>", line)]
        folder = [i for i, line in enumerate(lines) if re.search(r"fsync\(\d+<.*/appvms/a>", line)]
        self.assertTrue(synced and min(synced) < link < rename, lines)
        self.assertTrue(folder and max(folder) > rename, lines)
        # The clean image's name is never absent: it is only ever renamed over.
        for line in lines[: rename + 1]:
            self.assertNotRegex(line, r'unlink.*[^.\d]private\.img"')

    def test_06_revisions(self):
        volume = self.volume(self.pool, revisions_to_keep=2)
        run(volume.create())
        self.assertEqual(volume.revisions, {})
        for number in range(1, 5):
            was = stamp(os.stat(self.clean(volume)).st_mtime)
            self.commit(volume, b"%d" % number)
            self.assertEqual(volume.revisions[str(number)], was)
            wanted = [str(each) for each in range(max(1, number - 1), number + 1)]
            self.assertEqual(list(volume.revisions), wanted)
        # Also an import makes one.
        self.import_content(volume, b"imported")
        self.assertEqual(list(volume.revisions), ["4", "5"])
        # Changed at any time.
        volume.revisions_to_keep = 3
        self.commit(volume, b"more")
        self.assertEqual(list(volume.revisions), ["4", "5", "6"])
        volume.revisions_to_keep = 0
        self.commit(volume, b"none")
        self.assertEqual(volume.revisions, {})
        # Never reused.
        volume.revisions_to_keep = 1
        self.commit(volume, b"last")
        self.assertEqual(list(volume.revisions), ["8"])

    def test_07_revert(self):
        volume = self.volume(self.pool, revisions_to_keep=5)
        run(volume.create())
        with self.assertRaises(IndexError):
            run(volume.revert())
        for content in (b"one", b"two", b"three"):
            self.commit(volume, content)
        with self.assertRaises(KeyError):
            run(volume.revert("77"))
        self.assertEqual(self.content(volume), b"three")
        run(volume.revert())
        self.assertEqual(self.content(volume), b"two")
        self.assertEqual(lab.read(self.revision_file(volume, 4)), b"three")
        run(volume.revert("2"))
        self.assertEqual(self.content(volume), b"one")
        # Nothing is consumed, and each revert can be reverted.
        self.assertEqual(list(volume.revisions), ["1", "2", "3", "4", "5"])
        run(volume.revert("4"))
        self.assertEqual(self.content(volume), b"three")
        domain = self.begin(volume)
        lab.write(volume.path, b"dirty")
        with self.assertRaises(StoragePoolException):
            run(volume.revert("1"))
        self.assertEqual((lab.read(volume.path), self.content(volume)), (b"dirty", b"three"))
        self.end(domain)

    def test_08_snapshots_disabled(self):
        volume = self.made(self.pool, b"one")
        self.commit(volume, b"two")
        self.assertEqual(list(volume.revisions), ["1", "2"])
        volume.revisions_to_keep = -1
        domain = self.begin(volume)
        self.assertEqual(volume.revisions, {})
        self.assertFalse(os.path.exists(self.clean(volume)))
        inode = os.stat(volume.path).st_ino
        lab.write(volume.path, b"six")
        self.assertTrue(volume.is_dirty())
        self.end(domain)
        self.assertEqual(self.content(volume), b"six")
        self.assertEqual(os.stat(self.clean(volume)).st_ino, inode)
        domain = self.begin(volume)
        self.assertEqual(os.stat(volume.path).st_ino, inode)
        self.end(domain)
        self.assertEqual(self.files(volume), ["private.img", "private.volume.xml"])
        # And on again; qubesd may be killed at any time, and so this is done at the next start.
        volume.revisions_to_keep = 1
        self.commit(volume, b"ten")
        number, = volume.revisions
        self.assertEqual(lab.read(self.revision_file(volume, number)), b"six")
        self.assertEqual(self.files(volume)[0], "private.img")
        # From its creation.
        other = self.made(self.pool, b"new", name="other", revisions_to_keep=-1)
        self.assertEqual(self.files(other), ["other.img", "other.volume.xml"])
        self.assertEqual(other.revisions, {})

    def test_08_snapshots_disabled_source(self):
        """A snapshot of a volume without snapshots, while that one is halted."""
        template = self.template(b"one", revisions_to_keep=-1)
        volume = self.snapshot(template)
        for content in (b"one", b"two"):
            domain = self.begin(volume)
            self.assertEqual(lab.read(volume.path), content)
            self.end(domain)
            self.commit(template, b"two")
        origin = self.begin(template)
        with self.assertRaises(AssertionError):
            self.begin(volume)
        self.end(origin)

    def test_09_precache(self):
        volume = self.made(self.pool, b"committed")
        lab.workers_done()
        precache = self.clean(volume).replace(".img", "-precache.img")
        self.assertEqual(lab.read(precache), b"committed")
        clean, made = os.stat(self.clean(volume)), os.stat(precache)
        self.assertEqual((made.st_mtime_ns, made.st_size), (clean.st_mtime_ns, clean.st_size))
        domain = self.begin(volume)
        self.assertEqual(os.stat(volume.path).st_ino, made.st_ino)
        self.end(domain)
        # After a revert and a resize there is another one.
        run(volume.resize(2 * MIB))
        self.eventually(lambda: os.stat(precache).st_size == 2 * MIB)
        run(volume.revert("1"))
        self.eventually(lambda: os.path.exists(precache) and lab.read(precache) == b"")
        # One that does not fit is never used.
        os.unlink(precache)
        with open(precache, "wb") as file:
            file.write(b"something else")
            file.truncate(MIB)
        domain = self.begin(volume)
        self.assertEqual(lab.read(volume.path), b"")
        self.end(domain)

    def eventually(self, condition):
        deadline = time.monotonic() + 20
        while True:
            try:
                if condition():
                    return
            except FileNotFoundError:
                pass
            self.assertLess(time.monotonic(), deadline, "still not so")
            time.sleep(0.02)

    def test_10_volatile(self):
        volume = self.volume(self.pool, name="volatile", save_on_stop=False, size=2 * MIB)
        run(volume.create())
        self.assertEqual(self.files(volume), [])
        self.assertTrue(volume.verify())
        for content in (b"one", b"two"):
            domain = self.begin(volume)
            self.assertEqual(os.stat(volume.path).st_size, volume.size)
            self.assertEqual(lab.read(volume.path), b"")
            lab.write(volume.path, content)
            self.assertFalse(volume.is_dirty())
            self.end(domain)
            self.assertEqual(self.files(volume), ["volatile.volume.xml"])
        domain = self.begin(volume)
        run(volume.resize(4 * MIB))
        self.assertEqual(os.stat(volume.path).st_size, 4 * MIB)
        self.end(domain)
        self.assertEqual(volume.size, 4 * MIB)
        domain = self.begin(volume)
        self.assertEqual(os.stat(volume.path).st_size, 4 * MIB)
        self.end(domain)
        run(volume.resize(MIB))
        self.assertEqual(volume.size, MIB)
        run(volume.remove())
        self.assertEqual(self.files(volume), [])

    def test_10_ephemeral(self):
        volume = self.volume(self.pool, name="volatile", save_on_stop=False, ephemeral=True)
        run(volume.create())
        inodes = set()
        for _ in range(2):
            run(volume.start())
            self.assertEqual(lab.read(volume.path), b"")
            lab.write(volume.path, b"encrypted")
            inodes.add(os.stat(volume.path).st_ino)
            run(volume.start())  # always anew
            self.assertEqual(lab.read(volume.path), b"")
            run(volume.stop())
            run(volume.stop())
            self.assertEqual(self.files(volume), [])
        # What is left of it when that is turned off is no volume that keeps anything.
        run(volume.start())
        lab.write(volume.path, b"encrypted")
        volume.ephemeral = False
        run(volume.stop())
        for _ in range(2):
            domain = self.begin(volume)
            self.assertEqual(lab.read(volume.path), b"")
            lab.write(volume.path, b"mine")
            self.end(domain)
        self.assertEqual(self.files(volume), ["volatile.volume.xml"])

    def test_11_snapshot(self):
        template = self.template(b"one")
        volume = self.snapshot(template)
        run(volume.create())
        self.assertFalse(os.path.exists(volume.path) or os.path.exists(self.clean(volume)))
        self.assertTrue(volume.verify())
        domain = self.begin(volume)
        self.assertEqual(lab.read(volume.path), b"one")
        lab.write(volume.path, b"mine")
        self.assertFalse(volume.is_dirty())
        self.assertFalse(volume.is_outdated())
        # A running origin yields its last commit, and is no newer one.
        origin = self.begin(template)
        lab.write(template.path, b"two")
        self.assertFalse(volume.is_outdated())
        self.end(domain)
        self.assertFalse(os.path.exists(volume.path))
        domain = self.begin(volume)
        self.assertEqual(lab.read(volume.path), b"one")
        # It has stopped: outdated, until the next start; also for a qubesd that was restarted.
        self.end(origin)
        self.assertTrue(volume.is_outdated())
        again = self.snapshot(template)
        self.assertTrue(again.is_outdated())
        self.assertEqual(lab.read(volume.path), b"one")
        self.end(domain)
        self.assertFalse(volume.is_outdated())
        domain = self.begin(volume)
        self.assertEqual(lab.read(volume.path), b"two")
        self.assertFalse(volume.is_outdated())
        self.end(domain)
        # Another template.
        other = self.made(self.pool, b"other", vm="u", name="root", prefix="vm-templates")
        moved = self.snapshot(other)
        domain = self.begin(moved)
        self.assertEqual(lab.read(moved.path), b"other")
        self.end(domain)
        # A size of its own, also one that is given before the first start.
        larger = self.snapshot(template, vm="c")
        run(larger.resize(4 * MIB))
        domain = self.begin(larger)
        self.assertEqual((os.stat(larger.path).st_size, lab.read(larger.path)), (4 * MIB, b"two"))
        self.end(domain)
        self.assertEqual(larger.size, 4 * MIB)
        # Without a source, or without its image.
        with self.assertRaises(StoragePoolException):
            self.volume(self.pool, snap_on_start=True)
        lost = self.snapshot(self.volume(self.pool, vm="lost", prefix="vm-templates"), vm="b")
        with self.assertRaises(StoragePoolException):
            run(lost.start())
        with self.assertRaises(StoragePoolException):
            lost.verify()

    def test_12_resize(self):
        volume = self.made(self.pool, b"data")
        before = (os.stat(self.clean(volume)).st_ino, volume.revisions)
        run(volume.resize(4 * MIB))
        self.assertEqual(os.stat(self.clean(volume)).st_size, 4 * MIB)
        self.assertNotEqual(os.stat(self.clean(volume)).st_ino, before[0])
        run(volume.resize(2 * MIB))
        self.assertEqual((volume.size, self.content(volume)), (2 * MIB, b"data"))
        self.assertEqual(volume.revisions, before[1])
        domain = self.begin(volume)
        link = os.path.join(lab.LAB, "link")
        os.symlink(volume.path, link)
        said = subprocess.run(["losetup", "-f", "--show", link], check=True, capture_output=True)
        device = said.stdout.decode().strip()
        try:
            run(volume.resize(8 * MIB))
            self.assertEqual(self.device_size(device), 8 * MIB)
        finally:
            subprocess.run(["losetup", "-d", device], check=True)
            os.unlink(link)
        self.assertEqual(os.stat(self.clean(volume)).st_size, 2 * MIB)
        self.assertEqual(volume.size, 8 * MIB)
        self.end(domain)
        self.assertEqual(os.stat(self.clean(volume)).st_size, 8 * MIB)
        volume.rw = False
        with self.assertRaises(StoragePoolException):
            run(volume.resize(16 * MIB))
        self.assertEqual(volume.size, 8 * MIB)

    def test_12_resize_below_usage(self):
        """Libvirt refuses it; what is cut off stays in a revision, as long as one is kept."""
        content = os.urandom(MIB // 2) + bytes(MIB // 4) + os.urandom(MIB) + b"x"
        for keep in (2, -1):
            volume = self.volume(self.pool, vm=f"keep{keep}", size=4 * MIB, revisions_to_keep=keep)
            run(volume.create())
            self.commit(volume, content)
            before = list(volume.revisions)
            run(volume.resize(MIB))
            self.assertEqual(volume.size, MIB)
            self.assertEqual(self.content(volume), content[:MIB].rstrip(b"\0"))
            self.assertFalse([name for name in self.files(volume) if "import" in name])
            added = [each for each in volume.revisions if each not in before]
            self.assertEqual(len(added), max(0, min(1, keep)))
            for each in added:
                self.assertEqual(lab.read(self.revision_file(volume, int(each))), content)
            domain = self.begin(volume)
            with self.assertRaises(StoragePoolException):
                run(volume.resize(MIB // 2))
            self.assertEqual(os.stat(volume.path).st_size, MIB)
            self.end(domain)

    def device_size(self, device):
        said = subprocess.run(["blockdev", "--getsize64", device], check=True, capture_output=True)
        return int(said.stdout)

    def test_13_export(self):
        volume = self.made(self.pool, b"one")
        domain = self.begin(volume)
        lab.write(volume.path, b"two")
        path = run(volume.export())
        self.assertEqual(lab.read(path), b"one")
        with open(path, "rb") as opened:  # a backup
            self.end(domain)
            self.assertEqual(opened.read(3), b"one")
        run(volume.export_end(path))
        self.assertEqual(lab.read(run(volume.export())), b"two")
        for other in (
            self.volume(self.pool, name="volatile", save_on_stop=False),
            self.snapshot(self.template()),
        ):
            for call in (other.export(), other.import_data(MIB), other.import_data_end(True)):
                with self.assertRaises(NotImplementedError):
                    run(call)

    def import_content(self, volume, content, size=MIB, success=True):
        path = run(volume.import_data(size))
        self.assertEqual(os.stat(path).st_size, size)
        self.assertEqual(lab.read(path), b"")
        lab.write(path, content)
        run(volume.import_data_end(success))

    def test_14_import_data(self):
        volume = self.made(self.pool, b"one")
        self.import_content(volume, b"two", 2 * MIB)
        self.assertEqual((self.content(volume), volume.size), (b"two", 2 * MIB))
        self.assertEqual(list(volume.revisions), ["1", "2"])
        self.assertEqual(lab.read(self.revision_file(volume, 2)), b"one")
        before = (self.files(volume), os.stat(self.clean(volume)).st_ino)
        self.import_content(volume, b"three", success=False)
        self.assertEqual((self.files(volume), os.stat(self.clean(volume)).st_ino), before)
        self.assertEqual((self.content(volume), volume.size), (b"two", 2 * MIB))
        # Sparse, as dd writes it.
        path = run(volume.import_data(64 * MIB))
        self.assertLessEqual(os.stat(path).st_blocks, 8)
        run(volume.import_data_end(True))
        self.assertLess(os.stat(self.clean(volume)).st_blocks, 2048)
        # While it runs it is refused, and leaves the dirty image alone.
        domain = self.begin(volume)
        lab.write(volume.path, b"dirty")
        with self.assertRaises(StoragePoolException):
            run(volume.import_data(MIB))
        self.assertEqual(lab.read(volume.path), b"dirty")
        self.end(domain)
        self.assertEqual(self.content(volume), b"dirty")

    def test_15_import_volume(self):
        source = self.made(self.pool, b"source", size=3 * MIB, vm="s")
        far = self.make_pool("far", directory=lab.OTHER, revisions_to_keep=2)
        domain = self.begin(source)
        lab.write(source.path, b"newer!")
        for pool in (self.pool, far):
            volume = self.made(pool, b"old", vm="d")
            self.assertIs(run(volume.import_volume(source)), volume)
            self.assertEqual((self.content(volume), volume.size), (b"source", 3 * MIB))
            self.assertEqual(list(volume.revisions), ["1", "2"])
            self.assertLess(os.stat(self.clean(volume)).st_blocks, 1024)
            # A clone's volume is not there before.
            clone = self.volume(pool, vm="clone")
            run(clone.import_volume(source))
            self.assertEqual((self.content(clone), clone.revisions), (b"source", {}))
        self.end(domain)
        # Independent of the source, in either order.
        run(source.remove())
        self.assertEqual(self.content(clone), b"source")
        run(clone.remove())
        # A failure changes nothing.
        before = (self.files(volume), os.stat(self.clean(volume)).st_ino)
        with self.assertRaises(StoragePoolException):
            run(volume.import_volume(self.volume(self.pool, vm="missing")))
        self.assertEqual((self.files(volume), os.stat(self.clean(volume)).st_ino), before)
        scratch = self.volume(self.pool, name="volatile", save_on_stop=False)
        self.assertIs(run(scratch.import_volume(volume)), scratch)

    def test_15_import_foreign(self):
        class Foreign(qubes.storage.Volume):
            """Of another driver: a path, and when it was given back."""

            ended = None

            def export(self):
                return self.vid

            async def export_end(self, path):
                self.ended = path

        file = os.path.join(lab.LAB, "foreign")
        with open(file, "wb") as image:
            image.write(b"foreign")
            image.seek(2 * MIB)
            image.write(b"end" + bytes(MIB))
            image.truncate(5 * MIB)
        foreign = Foreign("private", None, file, size=5 * MIB, save_on_stop=True)
        volume = self.made(self.pool, b"old")
        run(volume.import_volume(foreign))
        self.assertEqual(foreign.ended, file)
        self.assertEqual(lab.digest(self.clean(volume)), lab.digest(file))
        self.assertLess(os.stat(self.clean(volume)).st_blocks, 2048)
        self.assertEqual(list(volume.revisions), ["1", "2"])
        # A pipe.
        pipe = os.path.join(lab.LAB, "pipe")
        os.mkfifo(pipe)
        writer = subprocess.Popen(["dd", f"if={file}", f"of={pipe}", "status=none"])
        run(volume.import_volume(Foreign("private", None, pipe, size=5 * MIB)))
        self.assertEqual(writer.wait(), 0)
        self.assertEqual(lab.digest(self.clean(volume)), lab.digest(file))
        # More than it says: nothing has changed.
        before = self.files(volume)
        small = Foreign("private", None, file, size=MIB)
        with self.assertRaises(StoragePoolException):
            run(volume.import_volume(small))
        self.assertEqual((self.files(volume), small.ended), (before, file))
        missing = Foreign("private", None, file + ".missing", size=MIB)
        with self.assertRaises(StoragePoolException):
            run(volume.import_volume(missing))
        self.assertEqual(self.files(volume), before)
        os.unlink(pipe)

    def test_16_fallback(self):
        """Only where the file system has no reflinks is anything copied; sparse stays sparse."""
        volume = self.made(self.pool, b"data", size=64 * MIB)
        clone = self.volume(self.pool, vm="b")
        run(clone.import_volume(volume))
        self.assertLess(os.stat(self.clean(clone)).st_blocks, 2048)
        shared = lab.shares_all(self.clean(clone), self.clean(volume))
        self.assertEqual(shared, lab.HAS_REFLINKS)

    @unittest.skipIf(lab.FS == "btrfs", "one file system is enough")
    def test_17_set_up(self):
        path = os.path.join(lab.LAB, "no-reflinks")
        os.mkdir(path)
        subprocess.run(["truncate", "-s", "64M", path + ".disk"], check=True)
        subprocess.run(["mkfs.ext4", "-q", path + ".disk"], check=True)
        subprocess.run(["mount", "-o", "loop", path + ".disk", path], check=True)
        try:
            refused = self.new_pool("refused", path, setup_check="True")
            with self.assertRaises(StoragePoolException):
                run(refused.setup())
            self.assertFalse(os.path.exists(refused.dir_path))
            names = [pool.name() for pool in libvirt.open(lab.URI).listAllStoragePools(0)]
            self.assertNotIn("refused", names)
            self.assertEqual((refused.usage_details, refused.size, refused.usage), ({}, None, None))
            allowed = self.make_pool("allowed", path, setup_check="False")
            self.assertTrue(os.path.exists(allowed.dir_path))
            run(allowed.destroy())
        finally:
            subprocess.run(["umount", path], check=True)

    def test_17_pool(self):
        stat = os.statvfs(self.pool.dir_path)
        self.assertEqual(self.pool.size, stat.f_blocks * stat.f_frsize)
        self.assertGreater(self.pool.usage, 0)
        self.assertEqual(set(self.pool.usage_details), {"data_size", "data_usage"})
        run(self.pool.setup())  # one that is there is taken as it is
        with self.assertRaises(StoragePoolException):
            run(self.new_pool("qubes", lab.OTHER).setup())
        again = type(self.pool)(**{key: value for key, value in self.pool.config.items() if key != "driver"})
        self.assertEqual(again.config, self.pool.config)
        volume = self.volume(self.pool)
        self.assertEqual(self.pool.list_volumes(), [volume])
        self.assertIs(self.pool.get_volume(volume.vid), volume)
        run(volume.create())
        # One that is absent when qubesd comes, or was stopped, is started when it is needed.
        self.pool.connection.get().storagePoolLookupByName("qubes").destroy()
        run(volume.start())
        self.assertEqual(volume.size, MIB)
        run(volume.remove())
        self.assertEqual(self.pool.list_volumes(), [])
        with self.assertRaises(KeyError):
            self.pool.get_volume(volume.vid)
        with self.assertRaises(StoragePoolException):
            self.volume(self.pool, prefix="elsewhere")

        class App:
            pools = {"inner": self.pool, "outer": self.new_pool("outer", lab.LAB)}

        App.pools["outer"].dir_path = lab.DIR
        self.assertIs(self.pool.included_in(App), App.pools["outer"])
        self.assertIsNone(App.pools["outer"].included_in(App))

    def test_18_remove(self):
        volume = self.made(self.pool, b"one")
        sibling = self.made(self.pool, b"sibling", name="private2")
        near = self.made(self.pool, b"near", vm="aa")
        run(volume.remove())
        self.assertEqual(self.files(volume), self.files(sibling))
        self.assertEqual((self.content(sibling), self.content(near)), (b"sibling", b"near"))
        with self.assertRaises(StoragePoolException):
            volume.verify()
        self.assertTrue(sibling.verify())
        run(volume.remove())  # also again
        # What is dirty, and not running any more, goes as well.
        domain = self.begin(sibling)
        lab.write(sibling.path, b"dirty")
        domain.end()
        run(sibling.snapshot("kept"))
        run(sibling.remove())
        self.eventually(lambda: not os.path.exists(os.path.dirname(sibling.path)))
        self.assertTrue(os.path.exists(os.path.dirname(near.path)))

    def test_18_remove_template(self):
        old = self.template(b"old")
        new = self.made(self.pool, b"new", vm="u", name="root", prefix="vm-templates")
        snapshots = [self.snapshot(old, vm=vm) for vm in ("s", "t")]
        for snapshot in snapshots:
            self.end(self.begin(snapshot))
        # Both VMs get the other template; one of them was started since.
        moved = [self.snapshot(new, vm=vm) for vm in ("s", "t")]
        self.end(self.begin(moved[0]))
        run(old.remove())
        self.assertFalse(os.path.exists(self.clean(old)))
        for snapshot in moved:
            domain = self.begin(snapshot)
            self.assertEqual(lab.read(snapshot.path), b"new")
            self.end(domain)

    def test_19_parallel(self):
        async def life(volume):
            await volume.create()
            await asyncio.gather(volume.resize(2 * MIB), volume.resize(4 * MIB), volume.start())
            path = await volume.import_data(MIB)
            lab.write(path, volume.vid.encode())
            await volume.import_data_end(True)
            return lab.read(await volume.export())

        async def lives(volumes):
            return await asyncio.gather(*(life(volume) for volume in volumes))

        volumes = [self.volume(self.pool, vm=f"v{i}") for i in range(12)]
        self.assertEqual(run(lives(volumes)), [volume.vid.encode() for volume in volumes])

    def test_19_bounded(self):
        """Calls to libvirt wait for each other beyond what its daemon takes of a client at once."""
        go_on, running = threading.Event(), []

        def call():
            running.append(1)
            go_on.wait(60)

        async def story():
            tasks = [asyncio.create_task(in_thread(call)) for _ in range(3 * THREADS_MAX)]
            while len(running) < THREADS_MAX:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            at_once = len(running)
            go_on.set()
            await asyncio.gather(*tasks)
            self.assertEqual(at_once, THREADS_MAX)

        run(story())
        self.assertEqual(len(running), 3 * THREADS_MAX)

    def test_19_cancelled(self):
        """A cancelled task ends, and unlocks its volume, only when its call to libvirt has ended."""
        entered, go_on = threading.Event(), threading.Event()

        def call():
            entered.set()
            go_on.wait(60)

        async def story():
            task = asyncio.create_task(in_thread(call))
            await asyncio.to_thread(entered.wait, 60)
            for _ in range(3):
                task.cancel()
                await asyncio.sleep(0)
            self.assertFalse(task.done())
            go_on.set()
            with self.assertRaises(asyncio.CancelledError):
                await task

        run(story())


if __name__ == "__main__":
    unittest.main()
