/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x6c65646f6d2d6c72 /* "rl-model" */
#define STAMPS (RL_MODEL_BLOCK / sizeof(Stamp))

/* What a block says of itself, all over. */
typedef struct {
    uint64_t magic;
    uint64_t tag;
    uint64_t number;
    uint64_t size; /* of the whole image */
} Stamp;

bool
rl_model_block_is_hole(uint64_t number)
{
    return number % 4 == 2 || (number % 32 >= 20 && number % 32 < 28);
}

bool
rl_model_write_block(int fd, uint64_t size, uint64_t tag, uint64_t number, GError **error)
{
    Stamp block[STAMPS];

    if (rl_model_block_is_hole(number))
        return true;
    for (size_t i = 0; i < STAMPS; i++)
        block[i] = (Stamp){MAGIC, tag, number, size};
    ssize_t n = pwrite(fd, block, sizeof(block), (off_t) (number * RL_MODEL_BLOCK));
    if (n < 0)
        return rl_fail_errno(error, errno, "cannot write block %" G_GUINT64_FORMAT, number);
    if (n != sizeof(block))
        return rl_fail(error, RL_ERROR_INVALID, "block %" G_GUINT64_FORMAT " was written in part",
                       number);
    return true;
}

bool
rl_model_write(int fd, uint64_t size, uint64_t tag, GError **error)
{
    struct stat st;

    g_assert(size % RL_MODEL_BLOCK == 0);
    if (fstat(fd, &st) < 0 || ((uint64_t) st.st_size != size && ftruncate(fd, (off_t) size) < 0))
        return rl_fail_errno(error, errno, "cannot set the size of an image");
    if (tag == 0 && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t) size) < 0)
        return rl_fail_errno(error, errno, "cannot empty an image");
    for (uint64_t i = 0; tag != 0 && i < size / RL_MODEL_BLOCK; i++)
        if (!rl_model_write_block(fd, size, tag, i, error))
            return false;
    return true;
}

static bool
is_zero(const Stamp *block)
{
    const char *bytes = (const char *) block;

    return bytes[0] == 0 && memcmp(bytes, bytes + 1, RL_MODEL_BLOCK - 1) == 0;
}

static bool
fail_block(uint64_t number, const Stamp *stamp, const Stamp *first, GError **error)
{
    return rl_fail(error, RL_ERROR_INVALID,
                   "block %" G_GUINT64_FORMAT " is tag %" G_GUINT64_FORMAT
                   " block %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                   " bytes%s; the image begins as tag %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                   " bytes",
                   number, stamp->tag, stamp->number, stamp->size,
                   stamp->magic == MAGIC || stamp->magic == 0 ? "" : " (no block of ours)",
                   first->tag, first->size);
}

/* @first is what the image's first block says; all zeros where that is a hole. */
static bool
check_block(const Stamp *block, uint64_t number, const Stamp *first, GError **error)
{
    bool empty = first->magic == 0 || rl_model_block_is_hole(number) ||
                 number >= first->size / RL_MODEL_BLOCK;
    const Stamp wanted = {MAGIC, first->tag, number, first->size};

    if (empty)
        return is_zero(block) || fail_block(number, block, first, error);
    for (size_t i = 0; i < STAMPS; i++)
        if (memcmp(&block[i], &wanted, sizeof(wanted)) != 0)
            return fail_block(number, &block[i], first, error);
    return true;
}

/* Blocks at a time: images are small, and are read often. */
#define CHUNK 16

bool
rl_model_read(int fd, uint64_t *ret_tag, GError **error)
{
    Stamp blocks[CHUNK][STAMPS], first = {0};

    for (uint64_t number = 0;;) {
        memset(blocks, 0, sizeof(blocks));
        ssize_t n = pread(fd, blocks, sizeof(blocks), (off_t) (number * RL_MODEL_BLOCK));
        if (n < 0)
            return rl_fail_errno(error, errno, "cannot read block %" G_GUINT64_FORMAT, number);
        if (number == 0)
            first = blocks[0][0];
        if (first.magic != 0 && first.magic != MAGIC)
            return fail_block(number, &first, &first, error);
        for (size_t i = 0; (ssize_t) (i * RL_MODEL_BLOCK) < n; i++)
            if (!check_block(blocks[i], number++, &first, error))
                return false;
        if (n < (ssize_t) sizeof(blocks))
            break;
    }
    *ret_tag = first.tag;
    return true;
}
