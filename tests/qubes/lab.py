# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of qubesd's driver share: pools, VMs, and domains that the hook starts and stops.

They run in the laboratory of tests/lib, from tests/integration/qubes.sh.
"""

import asyncio
import hashlib
import os
import subprocess
import time
import unittest
import uuid

import libvirt
from libvirt_reflink_qubes import ReflinkPool
from libvirt_reflink_qubes.connection import later

URI = "qemu:///system"
LAB, DIR, OTHER = os.environ["LAB"], os.environ["DIR"], os.environ["OTHER"]
FS = os.environ["FS"]
STAGE = os.environ["STAGE_DIR"]
# The hook wants to be called by a daemon: a shell of that name plays it.
HOOK_COMMAND = [f"{LAB}/virtxend"]
HAS_REFLINKS = FS != "ext4"
MIB = 1 << 20

# Errors come as exceptions.
libvirt.registerErrorHandler(lambda context, error: None, None)


def run(coroutine):
    """What the coroutine returns, in an event loop of its own."""
    return asyncio.run(coroutine)


class VM:
    """As much of a VM as a storage driver sees."""

    def __init__(self, name, prefix="appvms"):
        self.name, self.dir_path_prefix = name, prefix


def disk_xml(path, number):
    return (
        "<disk type='block' device='disk'><driver name='phy'/>"
        f"<source dev='{path}'/><target dev='xvd{chr(97 + number)}' bus='xen'/></disk>"
    )


class Domain:
    """A domain on the volumes, as libvirt's hook sees it. Its disks are written by the test."""

    def __init__(self, *volumes):
        self.volumes = volumes
        self.name = volumes[0].vid.split("/")[1]
        self.uuid = uuid.uuid5(uuid.NAMESPACE_OID, self.name)

    def _hook(self, *operation):
        disks = "".join(disk_xml(volume.path, i) for i, volume in enumerate(self.volumes))
        document = (
            f"<domain type='xen'><name>{self.name}</name><uuid>{self.uuid}</uuid>"
            f"<devices>{disks}</devices></domain>"
        )
        hook = "/etc/libvirt/hooks/libxl.d/50-reflink"
        # A shell that does something after it: it has to wait, as the daemon does.
        command = [*HOOK_COMMAND, "-c", '"$@"; exit $?', "-", hook, self.name, *operation, "-"]
        subprocess.run(command, input=document.encode(), check=True, capture_output=True)

    def begin(self):
        """libvirt has been asked to start it."""
        try:
            self._hook("prepare", "begin")
        except subprocess.CalledProcessError as error:
            raise AssertionError(error.stderr.decode()) from error

    def started(self):
        """It runs. Only a start that went on with what was kept needs to be told."""
        self._hook("started", "begin")

    def end(self):
        """It has ended, and so have the hook's workers."""
        self._hook("release", "end")
        workers_done()


def workers_done():
    """Waits for what the hook, the driver, or the module in the daemon has left for later."""
    later.wait()
    deadline = time.monotonic() + 30
    names = ("50-reflink", "libvirt-reflink", "reflink-later")
    while any(_is_running(name) for name in names):
        assert time.monotonic() < deadline, "a worker of the hook does not end"
        time.sleep(0.02)


def _is_running(name):
    # The module's workers are threads. From Python 3.14 on, so are the driver's here, by that name.
    found = subprocess.run(["pgrep", "-w", "-x", name], capture_output=True, text=True).stdout.split()
    return bool(set(found) - set(os.listdir("/proc/self/task")))


def write(path, data, offset=0):
    """Writes as a guest does."""
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def read(path):
    """All of the file, as far as it is not zeros at its end."""
    with open(path, "rb") as file:
        return file.read().rstrip(b"\0")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def age(path):
    """The image was changed a while ago: its date alone tells then whether it is written to."""
    stat = os.stat(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns - 10**10))


def shares_all(first, second):
    """True if all data of one file is the other's."""
    return _extents(first) == _extents(second) != ""


def _extents(path):
    os.sync()
    said = subprocess.run(["filefrag", "-v", path], capture_output=True, text=True, check=True)
    lines = [line.split(":")[2:4] for line in said.stdout.splitlines() if line.strip()[:1].isdigit()]
    return str([[part.strip() for part in line] for line in lines])


class Case(unittest.TestCase):
    """A test with pools; what it makes is removed."""

    def setUp(self):
        self._directories = []

    def tearDown(self):
        opened = libvirt.open(URI)
        for pool in opened.listAllStoragePools(0):
            if pool.isActive():
                pool.destroy()
            pool.undefine()
        for path in self._directories:
            subprocess.run(["rm", "-rf", path], check=True)

    def make_pool(self, name="qubes", directory=DIR, **options):
        """A pool that is set up."""
        pool = self.new_pool(name, directory, **options)
        run(pool.setup())
        return pool

    def new_pool(self, name="qubes", directory=DIR, **options):
        """The pool as qubesd has it, and not in libvirt."""
        if FS == "ext4" and directory == DIR:
            options.setdefault("setup_check", "False")
        pool = ReflinkPool(
            name=name, dir_path=os.path.join(directory, name), libvirt_uri=URI, **options
        )
        self._directories.append(pool.dir_path)
        return pool

    def volume(self, pool, vm="a", name="private", prefix="appvms", **config):
        """A volume's object, of 1 MiB; persistent unless CONFIG says another thing."""
        config = {"name": name, "size": MIB, "rw": True, "save_on_stop": True, **config}
        if config.get("snap_on_start"):
            config["save_on_stop"] = False
        return pool.init_volume(VM(vm, prefix), config)

    def made(self, pool, content=b"", **config):
        """A volume that is there, and has that content."""
        volume = self.volume(pool, **config)
        run(volume.create())
        if content:
            self.commit(volume, content)
        return volume

    def commit(self, volume, content):
        """A whole run of a domain that writes this at the volume's beginning."""
        domain = self.begin(volume)
        write(volume.path, content)
        self.end(domain)

    def begin(self, *volumes):
        """Starts a domain, as qubesd does."""
        for volume in volumes:
            run(volume.start())
        domain = Domain(*volumes)
        domain.begin()
        return domain

    def end(self, domain):
        """Its end, as qubesd learns of it."""
        domain.end()
        for volume in domain.volumes:
            run(volume.stop())
        later.wait()

    def clean(self, volume):
        return volume.path.replace("-dirty.img", ".img")

    def content(self, volume):
        """What is committed."""
        return read(self.clean(volume))

    def files(self, volume):
        """The files of the volume, without precaches, which are made when there is time, as is what goes on its way out."""
        workers_done()
        folder, leaf = os.path.split(self.clean(volume)[: -len(".img")])
        if not os.path.isdir(folder):
            return []
        found = [name for name in os.listdir(folder) if name.startswith(leaf)]
        return sorted(name for name in found if not name.endswith("-precache.img"))

    def revision_file(self, volume, number):
        folder, leaf = os.path.split(self.clean(volume))
        names = [name for name in os.listdir(folder) if name.startswith(f"{leaf}.{number}@")]
        self.assertEqual(len(names), 1, names)
        return os.path.join(folder, names[0])


class PoolCase(Case):
    """A case with a pool of its own, of which two revisions are kept."""

    def setUp(self):
        super().setUp()
        self.pool = self.make_pool(revisions_to_keep="2")

    def template(self, content=b"template", **config):
        return self.made(self.pool, content, vm="t", name="root", prefix="vm-templates", **config)

    def snapshot(self, source, **config):
        return self.volume(self.pool, name="root", snap_on_start=True, source=source, **config)

    def age_clean(self, volume):
        """As if it had been committed a while ago. A precache has another date: it would be the state before an edit."""
        workers_done()
        age(self.clean(volume))
        precache = self.clean(volume).removesuffix(".img") + "-precache.img"
        if os.path.exists(precache):
            os.unlink(precache)
