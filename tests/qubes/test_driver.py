# SPDX-License-Identifier: LGPL-2.1-or-later
"""What qubesd relies on besides the rows of the table in docs/qubes.md."""

import importlib.metadata
import os
import re
import subprocess
import threading
import unittest

import libvirt
from qubes.storage import StoragePoolException

import lab
import test_requirements
from lab import MIB, PoolCase, run
from libvirt_reflink_qubes.connection import later
from peer import PeerVolume


class Calls:
    """Counts the calls to libvirt's daemon, within "with"."""

    # What the client library answers by itself.
    LOCAL = re.compile(r"(GetName|GetKey|GetConnect|Free|IsAlive|Ref|GetLastError)$")

    def __enter__(self):
        self.made, self._module = [], libvirt.libvirtmod
        libvirt.libvirtmod = self
        return self

    def __exit__(self, *_):
        libvirt.libvirtmod = self._module

    def __getattr__(self, name):
        function = getattr(self._module, name)
        if not name.startswith("vir") or self.LOCAL.search(name):
            return function

        def call(*arguments):
            self.made.append(name)
            return function(*arguments)

        return call


class Driver(PoolCase):
    def test_calls_of_a_start(self):
        """At most two calls to libvirt for each volume's start, none for one whose image is there."""
        template = self.template(b"one")
        volumes = [
            self.made(self.pool, b"x"),
            self.made(self.pool, b"x", name="direct", revisions_to_keep=-1),
            self.snapshot(template),
            self.volume(self.pool, name="volatile", save_on_stop=False),
            self.volume(self.pool, name="scratch", save_on_stop=False, ephemeral=True),
        ]
        for round_ in ("first", "second", "third"):
            for volume in volumes:
                if round_ == "first":
                    self.pool.connection.forget("qubes", volume.vid)
                with Calls() as calls:
                    run(volume.start())
                most = 0 if volume in volumes[:2] and round_ != "first" else 2
                self.assertLessEqual(len(calls.made), most, (round_, volume.vid, calls.made))
                with Calls() as calls:
                    volume.size, volume.usage
                self.assertLessEqual(len(calls.made), 3, (volume.vid, calls.made))

    def test_entry_point(self):
        """qubesd finds the pool's class by its entry point, where the package is installed."""
        site = os.path.join(lab.LAB, "site")
        install = os.path.join(os.environ["SOURCE_DIR"], "packaging", "qubes", "install")
        subprocess.run([install, site], check=True)
        found, = importlib.metadata.distributions(path=[site])
        point, = (each for each in found.entry_points if each.group == "qubes.storage")
        self.assertEqual((point.name, point.load()), ("libvirt-reflink", type(self.pool)))

    def test_table(self):
        """Each test that docs/qubes.md names is one, and it names each requirement's."""
        with open(os.path.join(os.environ["SOURCE_DIR"], "docs", "qubes.md"), encoding="utf-8") as page:
            rows = [line for line in page if line.startswith("| ") and "`test_" in line]
        named = {name for row in rows for name in re.findall(r"`(test_\w+)`", row)}
        required = set(unittest.TestLoader().getTestCaseNames(test_requirements.Requirements))
        here = set(unittest.TestLoader().getTestCaseNames(type(self)))
        self.assertEqual((required | here) - named, set())
        self.assertEqual(named - required - here, set())

    def tool(self, *arguments):
        command = [os.path.join(lab.STAGE, "bin", "virt-reflink"), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def adopt(self, pool, *arguments):
        """As docs/qubes.md says."""
        options = ["--yes", "--keep", "100000", "--define", pool.name]
        if not lab.HAS_REFLINKS:
            options.append("--copy")
        self.tool("adopt", *options, *arguments, pool.dir_path)

    def test_taken_over_after_crash(self):
        """What the other driver's running VMs left when the host crashed."""
        pool = self.new_pool("crashed", revisions_to_keep=2)
        template = PeerVolume(pool.dir_path, "vm-templates/t/root")
        private = PeerVolume(pool.dir_path, "appvms/a/private")
        for volume in (template, private):
            volume.create()
            lab.write(volume.clean, b"clean")
        for volume in (
            PeerVolume(pool.dir_path, "appvms/a/root", kind="snapshot", source=template),
            PeerVolume(pool.dir_path, "appvms/a/volatile", kind="volatile"),
            private,
        ):
            volume.start()
            lab.write(volume.dirty, b"dirty")
        self.adopt(pool, "--snapshot", "appvms/a/root=vm-templates/t/root", "--volatile", "appvms/a/volatile")
        self.tool("discard", pool.name, "appvms/a/volatile")
        self.tool("continue", pool.name, "appvms/a/private")
        ours = self.volume(pool, vm="t", name="root", prefix="vm-templates")
        self.commit(ours, b"newer")
        volumes = (
            self.volume(pool, name="root", snap_on_start=True, source=ours),
            self.volume(pool, name="volatile", save_on_stop=False),
            self.volume(pool),
        )
        for contents in ((b"newer", b"", b"dirty"), (b"newer", b"", b"later")):
            domain = self.begin(*volumes)
            domain.started()
            self.assertEqual(tuple(lab.read(volume.path) for volume in volumes), contents)
            for volume in volumes:
                lab.write(volume.path, b"later")
            self.end(domain)
        self.assertEqual(self.content(volumes[2]), b"later")
        self.assertEqual(lab.read(self.revision_file(volumes[2], 1)), b"clean")
        self.assertEqual(self.content(ours), b"newer")

    def test_later(self):
        """A stop does not wait until old revisions are gone. What fails then is not the end of it."""
        volume = self.made(self.pool, b"1")
        self.commit(volume, b"2")
        go_on, done = threading.Event(), threading.Event()
        with self.assertLogs("qubes.storage.libvirt-reflink", "ERROR"):
            later.add(lambda: self.assertTrue(False))
            later.wait()
        domain = self.begin(volume)
        lab.write(volume.path, b"3")
        later.add(lambda: done.wait(60) and go_on.set())
        domain._hook("release", "end")
        run(volume.stop())
        self.assertEqual(list(volume.revisions), ["1", "2", "3"])
        done.set()
        later.wait()
        self.assertTrue(go_on.is_set())
        self.assertEqual(list(volume.revisions), ["2", "3"])

    def test_named_revision(self):
        volume = self.made(self.pool, b"one")
        domain = self.begin(volume)
        lab.write(volume.path, b"now")
        run(volume.snapshot("before-upgrade"))
        lab.write(volume.path, b"end")
        self.end(domain)
        self.assertEqual(list(volume.revisions), ["1", "2", "before-upgrade"])
        for content in (b"3", b"4", b"5"):
            self.commit(volume, content)
        self.assertEqual(list(volume.revisions), ["4", "5", "before-upgrade"])
        run(volume.revert("before-upgrade"))
        self.assertEqual(self.content(volume), b"now")

    def test_put_back(self):
        """Files of earlier revisions with higher numbers push out none of the present ones."""
        volume = self.made(self.pool, b"state-1")  # revisions_to_keep=2
        for number in range(2, 5):
            self.commit(volume, b"state-%d" % number)
        newest = max(map(int, volume.revisions))
        for number in (newest + 6, newest + 7):
            name = f"{self.clean(volume)}.{number}@2020-01-01T00:00:00Z"
            with open(name, "wb") as file:
                file.write(b"ancient")
                file.truncate(MIB)
            os.utime(name, (1577836800, 1577836800))
        with self.assertRaisesRegex(StoragePoolException, "by number.*by date.*name the revision"):
            run(volume.revert())
        self.commit(volume, b"state-5")
        left = [lab.read(self.revision_file(volume, int(each))) for each in volume.revisions]
        self.assertIn(b"state-3", left)
        self.assertIn(b"state-4", left)
        self.commit(volume, b"state-6")
        run(volume.revert())
        self.assertEqual(self.content(volume), b"state-5")

    def test_layer(self):
        """What an overlay needs stays."""
        volume = self.made(self.pool, b"state-1")
        self.commit(volume, b"state-2")
        file = self.revision_file(volume, min(map(int, volume.revisions)))
        os.setxattr(file, "trusted.libvirt-reflink.layer", b"1")
        for number in range(3, 7):
            self.commit(volume, b"state-%d" % number)
        self.assertTrue(os.path.exists(file))
        self.assertEqual(len(volume.revisions), 3)

    def test_daemon_restarts(self):
        """A connection that broke is opened anew."""
        volume = self.made(self.pool, b"one")
        self.pool.connection.get().close()
        self.assertEqual(volume.size, MIB)
        run(volume.start())

    def test_nothing_written(self):
        """A start and stop without a write burn no revision."""
        volume = self.made(self.pool, b"one")
        self.age_clean(volume)
        lab.workers_done()
        before = (os.stat(self.clean(volume)).st_ino, volume.revisions)
        self.end(self.begin(volume))
        self.assertEqual((os.stat(self.clean(volume)).st_ino, volume.revisions), before)


if __name__ == "__main__":
    unittest.main()
