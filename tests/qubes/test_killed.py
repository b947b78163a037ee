# SPDX-License-Identifier: LGPL-2.1-or-later
"""qubesd is killed at any point of what it does: volumes are complete, and it can go on."""

import os
import random
import signal
import subprocess
import sys
import time
import unittest

import libvirt

import lab
from lab import MIB, Case, run

ROUNDS = int(os.environ.get("QUBES_OPERATIONS") or 50) // 10
CONTENTS = (b"even", b"odd")


class Killed(Case):
    def volumes(self, pool):
        return self.volume(pool, revisions_to_keep=2), self.volume(pool, vm="b")

    def test_killed(self):
        pool = self.make_pool()
        volume, clone = self.volumes(pool)
        run(volume.create())
        self.commit(volume, CONTENTS[0])
        chosen = random.Random(int(os.environ.get("QUBES_SEED") or 17))
        for number in range(ROUNDS):
            child = subprocess.Popen([sys.executable, __file__, "busy"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            self.assertEqual(child.stdout.read(1), b".")
            time.sleep(chosen.random() * 0.3)
            child.send_signal(signal.SIGKILL)
            child.wait()
            child.stdout.close()
            with self.subTest(number=number):
                self.check(volume, clone)

    def check(self, volume, clone):
        self.settle(volume)
        # A whole run: what was left of an import is gone, and too many revisions are.
        domain = self.begin(volume)
        content = self.content(volume)
        self.assertEqual(lab.read(volume.path), content)
        self.assertIn(content, CONTENTS)
        self.assertIn(volume.size, (MIB, 2 * MIB))
        self.assertEqual(os.stat(self.clean(volume)).st_size, volume.size)
        numbers = list(map(int, volume.revisions))
        self.assertEqual(numbers, sorted(set(numbers)))
        for each in numbers:
            self.assertIn(lab.read(self.revision_file(volume, each)), (*CONTENTS, b""))
        self.end(domain)
        self.assertEqual(self.content(volume), content)
        self.assertLessEqual(len(volume.revisions), 2)
        self.assertFalse([name for name in self.files(volume) if "import" in name])
        run(clone.remove())
        self.assertEqual(self.files(clone), [])

    def settle(self, volume):
        """Waits for what the daemon does yet: a pool that it works in is not refreshed."""
        deadline = time.monotonic() + 20
        pool = volume.pool.connection.pool(volume.pool.name)
        while True:
            try:
                pool.refresh()
                return
            except libvirt.libvirtError:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)

    async def busy(self):
        """All that changes a volume, again and again."""
        volume, clone = self.volumes(self.new_pool())
        sys.stdout.buffer.write(b".")
        sys.stdout.buffer.flush()
        number = 0
        while True:
            number += 1
            path = await volume.import_data(MIB * (1 + number % 2))
            lab.write(path, CONTENTS[number % 2])
            await volume.import_data_end(number % 3 > 0)
            if volume.revisions and lab.read(self.clean(volume)) in CONTENTS:
                revisions = volume.revisions
                good = [each for each in revisions
                        if lab.read(self.revision_file(volume, each)) in CONTENTS]
                if good:
                    await volume.revert(good[0])
            volume.revisions_to_keep = (-1, 2)[number % 2]
            await volume.start()
            await volume.stop()
            await volume.resize(2 * MIB)
            await clone.import_volume(volume)
            await clone.remove()


def busy():
    """As qubesd, until it is killed."""
    case = Killed("test_killed")
    case._directories = []
    run(case.busy())


if __name__ == "__main__":
    if sys.argv[1:] == ["busy"]:
        busy()
    else:
        unittest.main()
