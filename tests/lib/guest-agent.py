#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""guest-agent.py listen SOCKET LOG [IMAGE]: plays QEMU's guest agent for libvirt, which connects to SOCKET as the
emulator does (a channel with <source mode='connect'>). Appends the name of each command to LOG. When it is to freeze or
thaw, it writes F or T to the first byte of IMAGE, as a guest would that writes until then. It answers as the file
LOG.answer says: "error", or "wait" for as long as that is there.

guest-agent.py open SOCKET: makes the guest's side of the first port of its virtio-serial device open, so that libvirt
connects. The guest here has no driver for that: SOCKET is the emulator's -qtest.
"""

import json
import socket
import struct
import sys
import threading
import time

MEMORY = 8 << 20  # of the guest, which it does not use
MESSAGE = MEMORY + 0x8000


def answer_of(log):
    try:
        with open(log + ".answer", encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def reply_to(call, log, image):
    command = call["execute"]
    if command == "guest-sync":
        return {"return": call["arguments"]["id"]}
    if command not in ("guest-fsfreeze-freeze", "guest-fsfreeze-thaw"):
        return {"return": {}}
    fails = answer_of(log) == "error" and command == "guest-fsfreeze-freeze"
    if image and not fails:
        with open(image, "r+b") as file:
            file.write(b"F" if command == "guest-fsfreeze-freeze" else b"T")
    with open(log, "a", encoding="ascii") as file:
        print(command, file=file)
    while answer_of(log) == "wait":
        time.sleep(0.05)
    if fails:
        return {"error": {"class": "GenericError", "desc": "no file system can be frozen"}}
    return {"return": 2}


def serve(connection, log, image):
    try:
        for line in connection.makefile("rb"):
            reply = reply_to(json.loads(line.lstrip(b"\xff")), log, image)
            connection.sendall(json.dumps(reply).encode() + b"\n")
    except ConnectionError:
        pass  # a daemon that was killed


def listen(path, log, image=None):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        while True:
            connection, _ = server.accept()
            threading.Thread(target=serve, args=(connection, log, image), daemon=True).start()


class Machine:
    """docs/devel/testing/qtest of QEMU."""

    def __init__(self, path):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        self.stream = connection.makefile("rwb", buffering=0)

    def say(self, *words):
        self.stream.write((" ".join(str(word) for word in words) + "\n").encode())
        while True:
            reply = self.stream.readline().split()
            if reply and reply[0] != b"IRQ":
                return int(reply[1], 0) if len(reply) > 1 else 0

    def write(self, address, data):
        self.say("write", hex(address), hex(len(data)), "0x" + data.hex())

    def config(self, slot, register):
        self.say("outl", "0xcf8", hex(1 << 31 | slot << 11 | register))
        return self.say("inl", "0xcfc")


def open_port(path):
    machine = Machine(path)
    slot = next(slot for slot in range(32) if machine.config(slot, 0) == 0x10031AF4)
    base = machine.config(slot, 0x10) & ~3
    machine.config(slot, 4)
    machine.say("outl", "0xcfc", "0x7")  # answers, and reads memory
    # Virtio 1.0, 4.1.4.8: the legacy registers. Queue 3 is what the driver says about ports (5.3.2).
    machine.say("outb", hex(base + 18), "0x3")
    machine.say("outl", hex(base + 4), "0x2")  # several ports
    machine.say("outw", hex(base + 14), "0x3")
    size = machine.say("inw", hex(base + 12))
    machine.say("outl", hex(base + 8), hex(MEMORY >> 12))
    machine.say("outb", hex(base + 18), "0x7")
    available = MEMORY + 16 * size
    for count, (port, event) in enumerate([(0xFFFFFFFF, 0), (1, 3), (1, 6)]):  # ready, port ready, port open
        machine.write(MESSAGE, struct.pack("<IHH", port, event, 1))
        machine.write(MEMORY, struct.pack("<QIHH", MESSAGE, 8, 0, 0))
        machine.write(available + 4 + 2 * count, struct.pack("<H", 0))
        machine.write(available + 2, struct.pack("<H", count + 1))
        machine.say("outw", hex(base + 16), "0x3")


if sys.argv[1] == "listen":
    listen(*sys.argv[2:])
else:
    open_port(sys.argv[2])
