# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random operations on one tree, in turn by this driver and by a model of Qubes OS's own.

Which of them works on the tree changes at random, while all volumes are stopped. After each
operation contents, sizes and revisions have to be those that are kept in memory; in the end
nothing may be left. QUBES_OPERATIONS: how many; QUBES_SEED: which. Where only the number is given
they are others each time; without either they are always the same.
"""

import os
import random
import time
import unittest

import libvirt

import lab
from lab import MIB, Case, run
from peer import PeerVolume

OPERATIONS = int(os.environ.get("QUBES_OPERATIONS") or 60)
ANY_SEED = random.SystemRandom().randrange(1 << 32) if "QUBES_OPERATIONS" in os.environ else 17
SEED = int(os.environ.get("QUBES_SEED") or ANY_SEED)
KEEPS = (-1, 0, 1, 1, 2, 3)


class Known:
    """What a volume that is saved has to be."""

    def __init__(self, keep):
        self.content, self.size, self.revisions, self.keep = b"", MIB, [], keep
        self.dirty = None  # content, while it runs
        self.dirty_size = None
        self.dates = [0]  # on disk before the operation: of the revisions, and of the clean image

    def commit(self, content, size, by_date):
        self.revisions.append(self.content)
        self.prune(by_date)
        self.content, self.size = content, size

    def prune(self, by_date):
        """Numbers tell which are the oldest; BY_DATE: where the dates say so, too.

        A revert of the peer's gives an old image, and with it an old date, a new number.
        """
        older = max(0, len(self.revisions) - max(0, self.keep))
        gone = set(range(older))
        if by_date:
            dated = sorted(range(len(self.revisions)), key=lambda i: (self.dates[i], i))
            gone &= set(dated[:older])
        self.revisions = [each for i, each in enumerate(self.revisions) if i not in gone]


class Ours:
    """The driver under test, on the tree."""

    def __init__(self, case):
        self.case = case
        self.domain = None

    def begin(self):
        self.pool = self.case.new_pool()
        run(self.pool.setup())
        self.objects = {}

    def end(self):
        lab.workers_done()
        run(self.pool.destroy())

    def volume(self, vid):
        if vid not in self.objects:
            prefix, vm, name = vid.split("/")
            config = {"revisions_to_keep": 1}
            if name == "root" and prefix == "appvms":
                config.update(snap_on_start=True, source=self.volume("vm-templates/t/root"), size=0)
            if name == "volatile":
                config.update(save_on_stop=False)
            self.objects[vid] = self.case.volume(self.pool, vm, name, prefix, **config)
        volume = self.objects[vid]
        known = self.case.known.get(vid)
        volume.revisions_to_keep = known.keep if known else 1
        return volume

    def create(self, vid):
        run(self.volume(vid).create())

    def start(self, vids):
        self.domain = self.case.begin(*(self.volume(vid) for vid in vids))

    def stop(self, vids):
        self.case.end(self.domain)

    def revert(self, vid, index):
        volume = self.volume(vid)
        run(volume.revert(list(volume.revisions)[index]))

    def resize(self, vid, size):
        run(self.volume(vid).resize(size))

    def import_content(self, vid, content, size):
        volume = self.volume(vid)
        path = run(volume.import_data(size))
        lab.write(path, content)
        run(volume.import_data_end(True))

    def import_volume(self, vid, source):
        run(self.volume(vid).import_volume(self.volume(source)))

    def remove(self, vid):
        run(self.volume(vid).remove())
        self.objects.clear()  # as one that is made later has another


class Peer:
    """The model, on the tree."""

    def __init__(self, case):
        self.case = case

    def begin(self):
        self.dir_path = os.path.join(lab.DIR, "qubes")

    def end(self):
        pass

    def volume(self, vid):
        known = self.case.known.get(vid)
        if known:
            return PeerVolume(self.dir_path, vid, keep=known.keep)
        if vid.endswith("volatile"):
            return PeerVolume(self.dir_path, vid, kind="volatile")
        source = self.volume("vm-templates/t/root")
        return PeerVolume(self.dir_path, vid, kind="snapshot", source=source)

    def create(self, vid):
        self.volume(vid).create()

    def start(self, vids):
        for vid in vids:
            self.volume(vid).start()

    def stop(self, vids):
        for vid in vids:
            self.volume(vid).stop()

    def revert(self, vid, index):
        volume = self.volume(vid)
        volume.revert(list(volume.revisions())[index])

    def resize(self, vid, size):
        self.volume(vid).resize(size)

    def import_content(self, vid, content, size):
        self.volume(vid).import_content(content, size)

    def import_volume(self, vid, source):
        self.volume(vid).import_volume(self.volume(source))

    def remove(self, vid):
        self.volume(vid).remove()


TEMPLATE = "vm-templates/t/root"
WORK = ("appvms/a/root", "appvms/a/private", "appvms/a/volatile")
SAVED = (TEMPLATE, "appvms/a/private", "appvms/b/private")


class Differential(Case):
    def test_differential(self):
        print(f"\nQUBES_SEED={SEED} QUBES_OPERATIONS={OPERATIONS}", flush=True)
        self.random = random.Random(SEED)
        self.known, self.running, self.log = {}, (), []
        self.drivers = [Ours(self), Peer(self)]
        self.driver = self.drivers[0]
        self.driver.begin()
        try:
            for number in range(OPERATIONS):
                self.step(number)
            self.finish()
        except BaseException:
            print("\n".join(self.log[-25:]), flush=True)
            raise

    def step(self, number):
        choices = [self.do_run, self.do_run, self.do_import, self.do_revert, self.do_resize,
                   self.do_clone, self.do_keep, self.do_remove, self.do_switch]
        if self.running:
            choices = [self.do_end, self.do_end, self.do_resize_running, self.do_import]
        missing = [vid for vid in SAVED if vid not in self.known]
        self.number = number
        if missing and not self.running:
            self.do_create(self.random.choice(missing))
        else:
            self.random.choice(choices)()
        self.check()

    def note(self, *words):
        name = type(self.driver).__name__
        self.log.append(" ".join([f"{self.number}: {name}:", *map(str, words)]))

    def content(self):
        return b"content %d" % self.number

    def commit(self, known, content, size):
        known.commit(content, size, by_date=isinstance(self.driver, Ours))

    def idle(self):
        """A volume that is saved and does not run."""
        return self.random.choice([vid for vid in SAVED if vid not in self.running])

    # --- Operations

    def do_create(self, vid):
        self.known[vid] = Known(self.random.choice(KEEPS))
        self.note("create", vid, "keep", self.known[vid].keep)
        self.driver.create(vid)

    def do_run(self):
        vids = self.random.choice((WORK, (TEMPLATE,), ("appvms/b/private",)))
        self.note("start", *vids)
        self.driver.start(vids)
        self.running = vids
        for vid in vids:
            known = self.known.get(vid)
            path = self.path(vid, "-dirty.img")
            if known:
                if known.keep == -1:
                    known.revisions = []
                self.assertEqual(lab.read(path), known.content, vid)
                known.dirty, known.dirty_size = self.content(), known.size
            elif vid.endswith("root"):
                self.assertEqual(lab.read(path), self.known[TEMPLATE].content)
            else:
                self.assertEqual(lab.read(path), b"")
            lab.write(path, self.content().ljust(64, b"\0"))

    def do_end(self):
        self.note("stop", *self.running)
        self.driver.stop(self.running)
        for vid in self.running:
            known = self.known.get(vid)
            if known and known.keep == -1:
                known.content, known.size = known.dirty, known.dirty_size
            elif known:
                self.commit(known, known.dirty, known.dirty_size)
            if known:
                known.dirty = None
            self.assertFalse(os.path.exists(self.path(vid, "-dirty.img")), vid)
        self.running = ()

    def do_resize_running(self):
        vids = [vid for vid in self.running if vid in self.known]
        vid, size = self.random.choice(vids), MIB * self.random.randint(1, 4)
        self.note("resize", vid, size)
        self.driver.resize(vid, size)
        self.known[vid].dirty_size = size

    def do_resize(self):
        vid, size = self.idle(), MIB * self.random.randint(1, 4)
        self.note("resize", vid, size)
        self.driver.resize(vid, size)
        self.known[vid].size = size

    def do_import(self):
        vid, size = self.idle(), MIB * self.random.randint(1, 4)
        self.note("import", vid, size)
        self.driver.import_content(vid, self.content(), size)
        self.commit(self.known[vid], self.content(), size)

    def do_clone(self):
        vid, source = self.random.sample(SAVED, 2)
        self.note("clone", vid, source)
        self.driver.import_volume(vid, source)
        self.commit(self.known[vid], self.known[source].content, self.known[source].size)

    def do_revert(self):
        vids = [vid for vid in SAVED if self.known[vid].revisions]
        if not vids:
            return
        vid = self.random.choice(vids)
        known = self.known[vid]
        index = self.random.randrange(len(known.revisions))
        self.note("revert", vid, index)
        size = os.stat(self.revisions(vid)[index]).st_size
        self.driver.revert(vid, index)
        if isinstance(self.driver, Ours):  # nothing is consumed, nothing pruned
            content = known.revisions[index]
            known.revisions.append(known.content)
        else:
            content = known.revisions.pop(index)
            if known.keep > 0:
                known.revisions.append(known.content)
            known.prune(False)
        known.content, known.size = content, size

    def do_keep(self):
        vid, keep = self.random.choice(SAVED), self.random.choice(KEEPS)
        self.note("keep", vid, keep)
        self.known[vid].keep = keep

    def do_remove(self):
        vid = self.random.choice(SAVED)
        self.note("remove", vid)
        self.driver.remove(vid)
        del self.known[vid]
        self.eventually_gone(vid)

    def do_switch(self):
        self.driver.end()
        self.driver = self.drivers[self.driver is self.drivers[0]]
        self.note("switch")
        self.driver.begin()

    # --- What is to be

    def path(self, vid, ending):
        return os.path.join(lab.DIR, "qubes", vid + ending)

    def revisions(self, vid):
        return list(PeerVolume(os.path.join(lab.DIR, "qubes"), vid).revisions().values())

    def check(self):
        for vid, known in self.known.items():
            if known.dirty is not None:
                self.assertEqual(lab.read(self.path(vid, "-dirty.img")), known.dirty, vid)
                self.assertEqual(os.stat(self.path(vid, "-dirty.img")).st_size, known.dirty_size)
                if known.keep == -1:
                    continue
            clean = self.path(vid, ".img")
            self.assertEqual((lab.read(clean), os.stat(clean).st_size), (known.content, known.size), vid)
            paths = self.revisions(vid)
            self.assertEqual([lab.read(path) for path in paths], known.revisions, vid)
            known.dates = [os.stat(path).st_mtime_ns for path in (*paths, clean)]

    def eventually_gone(self, vid):
        folder, leaf = os.path.split(self.path(vid, ""))
        deadline = time.monotonic() + 10
        while os.path.isdir(folder):
            left = [name for name in os.listdir(folder) if name.startswith(leaf)]
            # The record of a volume that this driver had: the peer does not know it.
            if not [name for name in left if not name.endswith(".volume.xml")]:
                return
            self.assertLess(time.monotonic(), deadline, left)
            time.sleep(0.02)

    def finish(self):
        """In the end this driver removes all, and nothing is left."""
        if self.running:
            self.do_end()
        if self.driver is self.drivers[1]:
            self.do_switch()
        for vid in {*SAVED, *WORK}:
            self.driver.remove(vid)
            self.eventually_gone(vid)
        lab.workers_done()
        names = [pool.name() for pool in libvirt.open(lab.URI).listAllStoragePools(0)]
        self.assertEqual(names, ["qubes"])
        left = [name for _, _, files in os.walk(os.path.join(lab.DIR, "qubes")) for name in files
                if name != ".reflink-pool.xml" and not name.endswith(".volume.xml")]
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()
