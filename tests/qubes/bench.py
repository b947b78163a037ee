# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starts and stops of many volumes at once: see bench.sh.

The processor's time of a start is that of this process and its children: the driver, the hook's
processes, and for each of these a shell that plays the daemon.
"""

import asyncio
import concurrent.futures
import os
import statistics
import sys
import time

import lab
from peer import PeerVolume

ROUNDS = 3


def fragment(path, extents):
    """Makes the file one of so many extents, a hole behind each."""
    with open(path, "r+b") as file:
        for number in range(extents):
            os.pwrite(file.fileno(), b"x" * 4096, number * 8192)
        os.fsync(file.fileno())


def timed(function, *arguments):
    begun = time.monotonic()
    result = function(*arguments)
    return 1000 * (time.monotonic() - begun), result


def processor_ms():
    spent = os.times()
    return 1000 * (spent.user + spent.system + spent.children_user + spent.children_system)


def write_some(path):
    with open(path, "r+b") as file:
        for number in range(64):
            os.pwrite(file.fileno(), b"y" * 4096, number * 65536)


class Ours:
    """What the hook and the driver do for domains of so many volumes each."""

    def __init__(self, count, extents, together):
        self.case = lab.Case()
        self.case._directories = []
        pool = self.case.make_pool()
        self.driver_starts = []
        self.volumes = [
            self.case.volume(pool, vm=f"v{i}", size=extents * 8192) for i in range(count)
        ]
        for volume in self.volumes:
            lab.run(volume.create())
            lab.run(volume.start())
        self.domains = [
            lab.Domain(*self.volumes[i : i + together]) for i in range(0, count, together)
        ]
        self.threads = concurrent.futures.ThreadPoolExecutor(count)
        for domain in self.domains:
            domain.begin()
        for volume in self.volumes:
            fragment(volume.path, extents)
        self.stop()

    @property
    def paths(self):
        return [volume.path for volume in self.volumes]

    def start(self):
        async def start():
            await asyncio.gather(*(volume.start() for volume in self.volumes))

        self.driver_starts.append(timed(lab.run, start())[0])
        list(self.threads.map(lab.Domain.begin, self.domains))

    def stop(self):
        async def stop():
            await asyncio.gather(*(volume.stop() for volume in self.volumes))

        list(self.threads.map(lambda domain: domain._hook("release", "end"), self.domains))
        lab.run(stop())

    def settle(self):
        lab.workers_done()
        os.sync()


class Peer:
    """The model of the peer, in threads as qubesd calls it."""

    def __init__(self, count, extents, _):
        directory = os.path.join(lab.DIR, "peer")
        self.volumes = [
            PeerVolume(directory, f"appvms/v{i}/private", size=extents * 8192) for i in range(count)
        ]
        for volume in self.volumes:
            volume.create()
            fragment(volume.clean, extents)
            volume._make_precache()
        self.threads = concurrent.futures.ThreadPoolExecutor(count)

    @property
    def paths(self):
        return [volume.dirty for volume in self.volumes]

    def start(self):
        list(self.threads.map(PeerVolume.start, self.volumes))

    def stop(self):
        list(self.threads.map(PeerVolume.stop, self.volumes))

    def settle(self):
        os.sync()


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    extents = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    together = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    medians = {}
    for driver in (Ours, Peer):
        one = driver(count, extents, together)
        starts, stops, used = [], [], []
        for _ in range(ROUNDS):
            one.settle()
            before = processor_ms()
            starts.append(timed(one.start)[0])
            used.append(processor_ms() - before)
            for path in one.paths:
                write_some(path)
            stops.append(timed(one.stop)[0])
        one.settle()
        medians[driver] = statistics.median(starts), statistics.median(stops)
        if driver is Ours:
            alone = statistics.median(one.driver_starts)
        print(f"{driver.__name__}: start {medians[driver][0]:.0f} ms, stop {medians[driver][1]:.0f} ms; "
              f"processor's time of a start {statistics.median(used):.0f} ms")
    print(f"the driver's start() alone: {alone:.1f} ms; the peer takes "
          f"{medians[Peer][0] / alone:.2f} times as long")
    start, stop = (medians[Peer][i] / medians[Ours][i] for i in (0, 1))
    print(f"{count} volumes of {extents} extents, {together} a domain, {lab.FS}: "
          f"the peer takes {start:.2f} times as long to start, {stop:.1f} times to stop")


if __name__ == "__main__":
    main()
