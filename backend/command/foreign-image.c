/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "foreign-image.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "common/base/error.h"

/* Of the header of qcow2 (docs/interop/qcow2.txt of QEMU), all numbers with the first byte the
 * highest. */
#define QCOW2_HEADER 80
#define QCOW2_BACKING_FILE_OFFSET 8
#define QCOW2_FEATURES 72
#define QCOW2_EXTERNAL_DATA (UINT64_C(1) << 2)

/* Of the header of a sparse VMDK image (block/vmdk.c of QEMU), all numbers with the first byte the
 * lowest. Where there is no capacity, a descriptor in the file says what is to be opened. */
#define VMDK_HEADER 20
#define VMDK_CAPACITY 12

/* Of the first sector of VHD images that are not fixed (block/vpc.c of QEMU, which takes all of
 * them for dynamic ones), numbers with the first byte the highest. */
#define VHD_HEADER 68
#define VHD_TYPE 60
#define VHD_DIFFERENCING 4

/* Of the header of VDI (block/vdi.c of QEMU), all numbers with the first byte the lowest. */
#define VDI_HEADER 0x188
#define VDI_DATA_OFFSET 0x158
#define VDI_BLOCK_SIZE 0x178
#define VDI_BLOCKS_ALLOCATED 0x184

static uint64_t
number_at(const unsigned char *header, size_t offset)
{
    uint64_t number;

    memcpy(&number, header + offset, sizeof(number));
    return GUINT64_FROM_BE(number);
}

/* Reads the first @size bytes of @fd; what is behind its end is zeros. */
static bool
read_header(int fd, unsigned char *header, size_t size, GError **error)
{
    memset(header, 0, size);
    return pread(fd, header, size, 0) >= 0 || rl_fail_errno(error, errno, "cannot read it");
}

static bool
require_qcow2_alone(int fd, GError **error)
{
    unsigned char header[QCOW2_HEADER];

    if (!read_header(fd, header, sizeof(header), error))
        return false;
    if (memcmp(header, "QFI\xfb", 4) != 0)
        return rl_fail(error, RL_ERROR_INVALID,
                       "its format is not qcow2. Give the right one with --format");
    if (number_at(header, QCOW2_BACKING_FILE_OFFSET) != 0)
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "it has a backing file. Make one image of both first "
                       "(qemu-img convert -O qcow2 OLD NEW)");
    /* Version 2 ends before the features. */
    if (header[7] > 2 && (number_at(header, QCOW2_FEATURES) & QCOW2_EXTERNAL_DATA))
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "its data are in another file. Make one image of both first (qemu-img "
                       "convert -O qcow2 OLD NEW)");
    return true;
}

static bool
require_vmdk_alone(int fd, GError **error)
{
    unsigned char header[VMDK_HEADER];

    if (!read_header(fd, header, sizeof(header), error))
        return false;
    return (memcmp(header, "KDMV", 4) == 0 && number_at(header, VMDK_CAPACITY) != 0) ||
           rl_fail(error, RL_ERROR_UNSUPPORTED,
                   "its format is not vmdk, or its data are in other files. Make one image of them "
                   "first (qemu-img convert)");
}

static bool
require_vhd_alone(int fd, GError **error)
{
    unsigned char header[VHD_HEADER];

    if (!read_header(fd, header, sizeof(header), error))
        return false;
    return memcmp(header, "conectix", 8) != 0 ||
           (number_at(header, VHD_TYPE) >> 32) != VHD_DIFFERENCING ||
           rl_fail(error, RL_ERROR_UNSUPPORTED,
                   "it is a differencing disk, and has only what differs from another file. Merge "
                   "the two first");
}

bool
rl_foreign_require_alone(int fd, const char *format, GError **error)
{
    if (strcmp(format, "qcow2") == 0)
        return require_qcow2_alone(fd, error);
    if (strcmp(format, "vmdk") == 0)
        return require_vmdk_alone(fd, error);
    return strcmp(format, "vpc") != 0 || require_vhd_alone(fd, error);
}

static uint32_t
little_at(const unsigned char *header, size_t offset)
{
    uint32_t number;

    memcpy(&number, header + offset, sizeof(number));
    return GUINT32_FROM_LE(number);
}

bool
rl_foreign_require_whole(int fd, const char *format, GError **error)
{
    unsigned char header[VDI_HEADER];
    off_t end = lseek(fd, 0, SEEK_END);

    if (strcmp(format, "vdi") != 0)
        return true;
    ssize_t length = pread(fd, header, sizeof(header), 0);
    if (end < 0 || length < 0)
        return rl_fail_errno(error, errno, "cannot read it");
    if (length < (ssize_t) sizeof(header) ||
        (uint64_t) end <
            little_at(header, VDI_DATA_OFFSET) + (uint64_t) little_at(header, VDI_BLOCK_SIZE) *
                                                     little_at(header, VDI_BLOCKS_ALLOCATED))
        return rl_fail(error, RL_ERROR_INVALID, "it is truncated");
    return true;
}
