/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "saved-memory.h"

#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/fs/shared-fs.h"

/* Two saves of a guest that did nothing in between differ in its clocks. Those are in the device
 * state, which is at the end, behind the pages of its memory: QEMU writes the clocks first of it,
 * and then all devices. */
#define HEAD_SIZE (64 * 1024)
#define TAIL_SIZE (4 * 1024 * 1024)
#define DIGEST_DIGITS 32

/* False where the file does not have so many bytes there. */
static bool
add(GChecksum *sum, int fd, off_t from, size_t length)
{
    g_autofree guchar *bytes = g_malloc(length);

    for (size_t done = 0; done < length;) {
        ssize_t n = pread(fd, bytes + done, length - done, from + (off_t) done);
        if (n <= 0)
            return false;
        done += (size_t) n;
    }
    g_checksum_update(sum, bytes, (gssize) length);
    return true;
}

/* Owned by the caller; NULL where there is no memory, or it cannot be read. */
static char *
digest(int fd, off_t offset, off_t size)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    gint64 length = size - offset;

    if (length <= 0)
        return NULL;
    size_t head = (size_t) MIN(length, HEAD_SIZE), tail = (size_t) MIN(length, TAIL_SIZE);
    g_checksum_update(sum, (const guchar *) &length, sizeof(length));
    if (!add(sum, fd, offset, head) || !add(sum, fd, size - (off_t) tail, tail))
        return NULL;
    return g_strndup(g_checksum_get_string(sum), DIGEST_DIGITS);
}

RlMemory *
rl_memory_read(int fd, const char *path, off_t offset)
{
    g_autoptr(RlMemory) memory = g_new0(RlMemory, 1);
    struct statfs fs;
    struct stat st;

    memory->file = g_strdup(path);
    if (fstat(fd, &st) < 0)
        return g_steal_pointer(&memory);
    memory->by_root = st.st_uid == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    memory->digest = digest(fd, offset, st.st_size);
    bool countable = st.st_mtim.tv_sec > 0 && st.st_mtim.tv_sec < G_MAXINT64 / 2 / G_USEC_PER_SEC;
    if (countable && fstatfs(fd, &fs) == 0 && !rl_shared_fs_name((uint64_t) fs.f_type))
        memory->date_us = (gint64) st.st_mtim.tv_sec * G_USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;
    return g_steal_pointer(&memory);
}
