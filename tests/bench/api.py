# SPDX-License-Identifier: LGPL-2.1-or-later
"""What calls of libvirt's API cost: see api.sh."""

import argparse
import fcntl
import json
import os
import statistics
import subprocess
import sys
import threading
import time

import libvirt

DIR = os.environ["DIR"]
OURS, STOCK = os.path.join(DIR, "ours"), os.path.join(DIR, "stock")
TOOL = os.path.join(os.environ["STAGE_DIR"], "bin", "virt-reflink")
TICKS = os.sysconf("SC_CLK_TCK")
FICLONE = 0x40049409
MIB = 1024 * 1024


def daemon_cpu():
    """Milliseconds of the processor's that the daemon has had."""
    with open("/proc/%s/stat" % os.environ["LIBVIRTD_PID"], encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / TICKS


def daemon_memory():
    """KiB that the daemon has in memory."""
    with open("/proc/%s/status" % os.environ["LIBVIRTD_PID"], encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def timed(function, *arguments):
    begun = time.monotonic()
    function(*arguments)
    return 1000 * (time.monotonic() - begun)


class Bench:
    def __init__(self, connection, quick, full):
        self.ours = connection.storagePoolLookupByName("ours")
        self.stock = connection.storagePoolLookupByName("stock")
        self.connection = connection
        self.quick, self.full = quick, full
        self.rows = []

    def row(self, section, what, ours, other, bar):
        """@bar: at most that many times the other's; below 0, at least so many times faster."""
        ratio = ours / other if other else 0
        good = bar is None or (ratio <= bar if bar > 0 else ratio * -bar <= 1)
        self.rows.append({"fs": os.environ["FS"], "section": section, "what": what, "ours": ours, "other": other,
                          "ratio": ratio, "bar": bar, "met": good})
        print("%-9s %-62s %10.2f %10.2f %7.2f  %s%s" % (
            section, what, ours, other, ratio,
            "" if bar is None else "bar %.2f" % (bar if bar > 0 else 1 / -bar), "" if good else "  MISSED"), flush=True)

    def by_turns(self, ours, other, turns):
        """Medians of both, in milliseconds, and of the ratios of neighbours."""
        first, second = [], []
        for _ in range(turns):
            first.append(ours())
            second.append(other())
        return statistics.median(first), statistics.median(second)


def make_files(directory, count, name):
    os.makedirs(directory, exist_ok=True)
    for number in range(count):
        with open(os.path.join(directory, name % number), "wb") as file:
            file.truncate(65536)


def remove_files(directory):
    for name in os.listdir(directory):
        os.unlink(os.path.join(directory, name))


def cpu_of(function):
    def measured():
        before = daemon_cpu()
        function()
        return daemon_cpu() - before
    return measured


def section_refresh(bench):
    counts = [10000, 100000] if bench.full else [1000 if bench.quick else 10000]
    for count in counts:
        make_files(os.path.join(OURS, "volumes"), count, "v%d.img")
        make_files(STOCK, count, "v%d")
        memory = daemon_memory()
        bench.ours.refresh()
        with_ours = daemon_memory()
        bench.stock.refresh()
        with_stock = daemon_memory()
        ours, stock = bench.by_turns(lambda: timed(bench.ours.refresh), lambda: timed(bench.stock.refresh), 3)
        bench.row("refresh", "refresh of %d volumes, ms; stock" % count, ours, stock, -5)
        ours, stock = bench.by_turns(cpu_of(bench.ours.refresh), cpu_of(bench.stock.refresh), 3)
        bench.row("refresh", "the same, the daemon's processor's time, ms", ours, stock, -5)
        bench.row("refresh", "memory of the daemon a volume, bytes; stock",
                  1024 * (with_ours - memory) / count, 1024 * (with_stock - with_ours) / count, 1)
        remove_files(os.path.join(OURS, "volumes"))
        remove_files(STOCK)
    bench.ours.refresh()
    bench.stock.refresh()


def section_list(bench):
    make_files(os.path.join(OURS, "many"), 1000, "v%d.img")
    bench.ours.refresh()
    time.sleep(0.3)

    def ask_all():
        for volume in bench.ours.listAllVolumes():
            volume.info()

    over = threading.Event()

    def runs():
        while not over.is_set():
            for verb in "start", "stop":
                subprocess.run([TOOL, verb, "--quiet", OURS, "many/v1"], check=True)

    quiet = statistics.median(cpu_of(ask_all)() for _ in range(5))
    quiet_ms = statistics.median(timed(ask_all) for _ in range(5))
    thread = threading.Thread(target=runs)
    thread.start()
    busy = statistics.median(cpu_of(ask_all)() for _ in range(9))
    busy_ms = statistics.median(timed(ask_all) for _ in range(9))
    over.set()
    thread.join()
    bench.row("list", "vol-info of 1,000, starts and stops in their folder, ms; at rest", busy_ms, quiet_ms, 1.5)
    bench.row("list", "the same, the daemon's processor's time, ms", busy, quiet, 1.5)
    remove_files(os.path.join(OURS, "many"))
    bench.ours.refresh()


def fragment(path, extents):
    with open(path, "r+b") as file:
        for number in range(extents):
            os.pwrite(file.fileno(), b"x" * 4096, number * 8192)
        os.fsync(file.fileno())


def section_clone(bench):
    extents = 2000 if bench.quick else 10000
    path = os.path.join(OURS, "volumes", "source.img")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(extents * 8192)
    fragment(path, extents)
    bench.ours.refresh()
    source = bench.ours.storageVolLookupByName("source")
    turn = [0]

    def clone():
        turn[0] += 1
        document = "<volume><name>c%d</name><capacity>0</capacity></volume>" % turn[0]
        took = timed(bench.ours.createXMLFrom, document, source, 0)
        os.sync()
        return took

    def bare():
        turn[0] += 1
        begun = time.monotonic()
        with open(path, "rb") as original, open(os.path.join(DIR, "bare%d" % turn[0]), "xb") as copy:
            fcntl.ioctl(copy.fileno(), FICLONE, original.fileno())
            os.fsync(copy.fileno())
        took = 1000 * (time.monotonic() - begun)
        os.sync()
        return took

    ours, other = bench.by_turns(clone, bare, 5 if bench.quick else 11)
    bench.row("clone", "vol-clone of %d extents, ms; FICLONE and fsync" % extents, ours, other, 1.15)
    remove_files(os.path.join(OURS, "volumes"))
    for name in os.listdir(DIR):
        if name.startswith("bare"):
            os.unlink(os.path.join(DIR, name))
    bench.ours.refresh()


def virsh(*arguments):
    subprocess.run(["virsh", "-q", *arguments], check=True, stdout=subprocess.DEVNULL)


def section_stream(bench):
    data = (64 if bench.quick else 256) * MIB
    plain, sparse = os.path.join(DIR, "plain.raw"), os.path.join(DIR, "sparse.raw")
    with open(plain, "wb") as file:
        for _ in range(data // MIB):
            file.write(os.urandom(MIB))
    with open(sparse, "wb") as file:
        file.truncate(8 * 1024 * MIB)
        for number in range(64):
            os.pwrite(file.fileno(), os.urandom(65536), number * 128 * MIB)
    for name, path, flag in ("plain", plain, []), ("sparse", sparse, ["--sparse"]):
        size = os.path.getsize(path)
        for pool in "ours", "stock":
            virsh("vol-create-as", pool, name, str(size), "--allocation", "0")
        copy = os.path.join(DIR, "copy")

        def upload(pool):
            return timed(virsh, "vol-upload", name, path, "--pool", pool, *flag)

        def upload_to_disk():
            """A stock pool's is in memory only when virsh is through."""
            def act():
                upload("stock")
                with open(os.path.join(STOCK, name), "rb") as file:
                    os.fsync(file.fileno())
            return timed(act)

        def download(pool):
            took = timed(virsh, "vol-download", name, copy, "--pool", pool, *flag)
            os.unlink(copy)
            return took

        def plain_copy():
            def act():
                subprocess.run(["cp", "--reflink=never", "--sparse=always", path, copy], check=True)
                with open(copy, "rb") as file:
                    os.fsync(file.fileno())
            took = timed(act)
            os.unlink(copy)
            return took

        what = "%d MiB" % (data // MIB) if name == "plain" else "8 GiB, nearly all holes,"
        turns = 3 if bench.quick else 5
        ours, stock = bench.by_turns(lambda: upload("ours"), upload_to_disk, turns)
        bench.row("stream", "vol-upload of %s ms; stock, and fsync" % what, ours, stock, -1.5)
        _, cp = bench.by_turns(lambda: 0, plain_copy, turns)
        bench.row("stream", "the same; cp and fsync", ours, cp, 1)
        ours, stock = bench.by_turns(lambda: download("ours"), lambda: download("stock"), turns)
        bench.row("stream", "vol-download of %s ms; stock" % what, ours, stock, -1.5)
        bench.row("stream", "the same; cp and fsync", ours, cp, 1)
        for pool in "ours", "stock":
            virsh("vol-delete", name, "--pool", pool)


SECTIONS = {"refresh": section_refresh, "list": section_list, "clone": section_clone, "stream": section_stream}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true", help="also 100,000 volumes")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a bar was missed")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS])
    arguments = parser.parse_args()
    bench = Bench(libvirt.open(), arguments.quick, arguments.full)
    for name in arguments.sections or SECTIONS:
        SECTIONS[name](bench)
    if arguments.json:
        with open(arguments.json, "w", encoding="ascii") as file:
            json.dump(bench.rows, file, indent=1)
    if arguments.check and not all(row["met"] for row in bench.rows):
        sys.exit(1)


main()
