/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fresh-overlay.h"

#include <glib.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "common/fs/file-data.h"

/* Of qcow2's header (QEMU's docs/interop/qcow2.txt): where what stands, in big endian. */
#define MAGIC "QFI\xfb"
#define VERSION_AT 4
#define L1_SIZE_AT 36
#define L1_OFFSET_AT 40
#define SNAPSHOTS_AT 60
#define FEATURES_AT 72 /* of version 3 */
#define HEADER_SIZE 80

/* How clusters are compressed, and tables of subclusters: neither is data. */
#define FEATURES_KNOWN ((UINT64_C(1) << 3) | (UINT64_C(1) << 4))

/* In bytes: QEMU's own limit. */
#define L1_MAX (UINT64_C(32) << 20)

static uint32_t
number(const char *header, size_t at)
{
    uint32_t value;

    memcpy(&value, header + at, sizeof(value));
    return GUINT32_FROM_BE(value);
}

static uint64_t
long_number(const char *header, size_t at)
{
    return (uint64_t) number(header, at) << 32 | number(header, at + 4);
}

static bool
is_zero(const char *data, size_t length)
{
    return length == 0 || (data[0] == 0 && memcmp(data, data + 1, length - 1) == 0);
}

/* The table has an entry for each table of clusters: 0 where there is none. */
static bool
has_no_tables(int fd, uint64_t offset, uint64_t size)
{
    char data[4096];

    while (size > 0) {
        size_t length = MIN(size, sizeof(data));
        if (!rl_full_read(fd, data, length, offset, NULL) || !is_zero(data, length))
            return false;
        offset += length;
        size -= length;
    }
    return true;
}

bool
rl_overlay_is_fresh(int fd)
{
    off_t end = lseek(fd, 0, SEEK_END); /* also of a device */
    char header[HEADER_SIZE];

    if (end < 0 || !rl_full_read(fd, header, sizeof(header), 0, NULL) ||
        memcmp(header, MAGIC, strlen(MAGIC)) != 0)
        return false;
    uint32_t version = number(header, VERSION_AT);
    uint64_t offset = long_number(header, L1_OFFSET_AT);
    uint64_t size = (uint64_t) number(header, L1_SIZE_AT) * sizeof(uint64_t);
    if ((version != 2 && version != 3) || number(header, SNAPSHOTS_AT) != 0 || size > L1_MAX ||
        offset > (uint64_t) end || size > (uint64_t) end - offset)
        return false;
    if (version == 3 && (long_number(header, FEATURES_AT) & ~FEATURES_KNOWN) != 0)
        return false;
    return has_no_tables(fd, offset, size);
}
