/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams of states that come from elsewhere. */
#include "steps.h"

#include "common/base/autofd.h"
#include "common/format/stream-writer.h"
#include "common/image/partial-image.h"
#include "common/operation/receive.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* All blocks of the image @content from @from on, holes as such. */
static bool
write_blocks(RlStreamWriter *writer, int content, uint64_t from, uint64_t size, GError **error)
{
    char block[RL_MODEL_BLOCK];

    for (uint64_t at = from; at < size; at += sizeof(block)) {
        if (pread(content, block, sizeof(block), (off_t) at) != sizeof(block))
            return rl_fail_errno(error, errno, "cannot read what is to be sent");
        if (rl_model_block_is_hole(at / sizeof(block))
                ? !rl_stream_writer_hole(writer, at, sizeof(block), error)
                : !rl_stream_writer_data(writer, at, block, sizeof(block), error))
            return false;
    }
    return rl_stream_writer_end(writer, error);
}

/* What the stream begins with: the state that the volume is in. */
static bool
get_base(const Site *site, const Step *step, RlStateId *ret_base, GError **error)
{
    rl_autofd int fd = site_open(site, step->volume, RL_FILE_CLEAN, O_RDONLY, error);

    return fd >= 0 && rl_state_id_get(fd, ret_base, error);
}

/* The stream of the state @step->tag, incremental if @step->wanted, from @from on; closed by the
 * caller. */
static int
write_stream(const Site *site, const Step *step, uint64_t from, GError **error)
{
    const RlStateId state = {"0123456789abcdef0123456789abcdef", step->size, {1700000000, 5}};
    rl_autofd int content = memfd_create("content", MFD_CLOEXEC);
    rl_autofd int fd = memfd_create("stream", MFD_CLOEXEC);
    RlStateId base;

    if (!rl_model_write(content, step->size, step->tag, error) ||
        (step->wanted && !get_base(site, step, &base, error)))
        return -1;
    g_autoptr(RlStreamWriter) writer =
        rl_stream_writer_new(fd, &state, step->wanted ? &base : NULL, error);
    if (!writer || (from && !rl_stream_writer_rest(writer, from, error)) ||
        !write_blocks(writer, content, from, step->size, error))
        return -1;
    if (lseek(fd, 0, SEEK_SET) != 0) {
        rl_fail_errno(error, errno, "cannot go back to the beginning of a stream");
        return -1;
    }
    return rl_fd_steal(&fd);
}

/* Receives the stream @fd. */
static bool
take(Site *site, const Step *step, int fd, uint64_t keep_every, GError **error)
{
    RlPool *pool = site_own_pool(site, error);
    const RlReceive how = {.name = step->volume, .in = fd, .keep_every = keep_every};
    RlReceived received;

    return pool && rl_receive(pool, &how, &received, error);
}

static bool
receive(Site *site, const Step *step, GError **error)
{
    site_pause(site);
    rl_autofd int fd = write_stream(site, step, 0, error);
    site_resume(site);

    return fd >= 0 && take(site, step, fd, 0, error);
}

const Action act_receive = {"receive", receive, STEP_NAMES};

/* How far what is kept goes; 0 where nothing is. */
static bool
find_kept(Site *site, const Step *step, uint64_t *ret_at, GError **error)
{
    RlPool *pool = site_pool(site, error);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, step->volume, error) : NULL;
    RlPartialNote note;
    time_t until;
    bool there;

    if (!volume || !rl_partial_find(volume, &there, &note, &until, error))
        return false;
    *ret_at = there ? note.at : 0;
    return true;
}

/* The stream is cut off, what came is kept, and the rest is sent. */
static bool
receive_rest(Site *site, const Step *step, GError **error)
{
    g_autoptr(GError) cause = NULL;
    uint64_t at;

    site_pause(site);
    rl_autofd int fd = write_stream(site, step, 0, error);
    bool cut = fd >= 0 && ftruncate(fd, lseek(fd, 0, SEEK_END) * 2 / 3) == 0 &&
               lseek(fd, 0, SEEK_SET) == 0;
    site_resume(site);
    if (!cut)
        return false;
    if (take(site, step, fd, step->size / 3, &cause))
        return rl_fail(error, RL_ERROR_INVALID, "half a stream was received");
    if (!find_kept(site, step, &at, error))
        return false;
    if (at == 0 || !g_error_matches(cause, RL_ERROR, RL_ERROR_INVALID)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    site_pause(site);
    rl_autofd int rest = write_stream(site, step, at, error);
    site_resume(site);
    return rest >= 0 && take(site, step, rest, step->size, error);
}

const Action act_receive_rest = {"receive-rest", receive_rest, STEP_NAMES};
