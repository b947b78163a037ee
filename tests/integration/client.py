# SPDX-License-Identifier: LGPL-2.1-or-later
"""What clients.sh does with libvirt's Python binding: the pool "qubes" has the volume "web" of 1 MiB."""
import libvirt

MIB = 1024 * 1024
XML = "<volume><name>{}</name><capacity>{}</capacity></volume>"


def upload(conn, vol, data):
    stream = conn.newStream()
    vol.upload(stream, 0, len(data))
    while data:
        data = data[stream.send(data[:65536]):]
    stream.finish()


def download(conn, vol):
    stream = conn.newStream()
    chunks = []
    vol.download(stream, 0, 0)
    stream.recvAll(lambda stream, chunk, opaque: chunks.append(chunk), None)
    stream.finish()
    return b"".join(chunks)


def main():
    libvirt.registerErrorHandler(lambda opaque, error: None, None)
    conn = libvirt.open("qemu:///system")
    pool = conn.storagePoolLookupByName("qubes")
    assert "reflink:options" in pool.XMLDesc()

    vol = pool.createXML(XML.format("python/disk", MIB))
    assert vol.path() == vol.key() and vol.path().endswith("/python/disk-dirty.img")
    upload(conn, vol, b"p" * MIB)
    assert download(conn, vol) == b"p" * MIB

    clone = pool.createXMLFrom(XML.format("python/clone", 2 * MIB), vol)
    assert clone.info()[1] == 2 * MIB
    label = pool.createXMLFrom(XML.format("python/disk@named", 0), vol)
    assert label.name() == "python/disk@named"
    upload(conn, vol, b"q" * MIB)
    replaced = pool.createXMLFrom(XML.format("python/disk@current", 0), label)
    assert replaced.name() == "python/disk@3", replaced.name()
    assert download(conn, vol) == b"p" * MIB
    assert download(conn, replaced) == b"q" * MIB

    clone.resize(3 * MIB)
    assert clone.info()[1] == 3 * MIB
    assert conn.storageVolLookupByPath(clone.path()).name() == "python/clone"
    assert conn.storageVolLookupByKey(label.key()).name() == "python/disk@named"
    assert {vol.name() for vol in pool.listAllVolumes()} == set(pool.listVolumes())
    for wrong in lambda: vol.wipe(), lambda: vol.delete(), lambda: label.resize(2 * MIB):
        try:
            wrong()
        except libvirt.libvirtError as error:
            assert error.get_error_domain() == libvirt.VIR_FROM_STORAGE
        else:
            raise AssertionError("nothing was refused")
    vol.delete(libvirt.VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS)
    clone.delete()
    assert not [name for name in pool.listVolumes() if name.startswith("python/")]


main()
