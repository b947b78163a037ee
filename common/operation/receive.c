/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "receive.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/stream-reader.h"
#include "common/fs/file-data.h"
#include "common/fs/file-error.h"
#include "common/fs/file-size-limit.h"
#include "common/fs/tmpfile.h"
#include "common/image/partial-image.h"
#include "common/pool/capacity.h"
#include "upload.h"

/* As long as a person at a terminal waits for another operation on the volume. */
#define COMMIT_PATIENCE_MS (30 * 1000)

typedef struct {
    RlStreamReader *reader;
    RlStagedImage *draft;
    const RlReceive *how;
    RlReceived *received;
    RlPartialNote came; /* how far the draft is that of the state; at 0: not at all */
    bool doubtful;      /* it may be less than it seems */
    uint64_t kept;      /* bytes that had been received when that was noted last */
} Receiving;

static bool
refuse_base(const char *name, const RlStateId *base, GError **error)
{
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(base->date.tv_sec);
    g_autofree char *text = date ? g_date_time_format(date, "%Y-%m-%d %H:%M:%S UTC") : NULL;

    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' cannot receive the stream: the stream has the changes since the "
                   "state %.8s of %s, and the clean image of the volume is another state. Send the "
                   "changes since the state that was received last, or a full stream",
                   name, base->id, text ? text : "an unknown date");
}

/* The draft is a reflink of the clean image; what an incremental stream begins with. */
static bool
require_base(const Receiving *receiving, GError **error)
{
    const RlStateId *base = rl_stream_reader_base(receiving->reader);
    const RlStagedImage *draft = receiving->draft;
    bool is;

    if (!rl_state_id_is(draft->replaced_fd, base, &is, error))
        return false;
    return is || refuse_base(draft->name->volume, base, error);
}

/* Takes @pool over. */
static RlStagedImage *
begin(RlPool *pool, const char *name, bool exists, GError **error)
{
    const RlAccess access = RL_ACCESS_DEFAULT;

    return exists ? rl_upload_begin(pool, name, error) : rl_staged_new(pool, name, &access, error);
}

/* As large as the state, and without what a full stream says nothing of. What the base has behind
 * the end of a state that is no whole sectors is none of it: in the longer image it is zeros. */
static bool
reshape(const Receiving *receiving, GError **error)
{
    const RlStagedImage *draft = receiving->draft;
    const RlReceived *received = receiving->received;
    uint64_t size = rl_capacity_round_for(draft->name->text, received->state.size);

    if (!rl_limit_allows_size(draft->fd, size, error))
        return false;
    if (ftruncate(draft->fd, received->incremental ? (off_t) received->state.size : 0) < 0 ||
        ftruncate(draft->fd, (off_t) size) < 0)
        return rl_fail_errno(error, errno, "cannot set the size of volume '%s'", draft->name->text);
    return true;
}

static bool
punch(int fd, const RlPartHead *head, GError **error)
{
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t) head->offset,
                  (off_t) head->length) < 0)
        return rl_fail_file(error, errno, fd, "cannot make a hole in");
    return true;
}

static bool
apply(Receiving *receiving, const RlPartHead *head, const uint8_t *data, GError **error)
{
    int fd = receiving->draft->fd;
    bool done =
        data ? rl_full_write(fd, data, head->length, head->offset, error) : punch(fd, head, error);

    if (!done) {
        rl_error_about(error, "volume", receiving->draft->name->volume);
        return false;
    }
    const RlProgress *progress = &receiving->how->progress;
    receiving->received->moved += head->payload;
    receiving->came.at = head->offset + head->length;
    if (progress->report)
        progress->report(receiving->came.at, receiving->received->state.size,
                         receiving->received->moved, progress->data);
    return true;
}

/* The kernel tells once that it could not write something: the next fsync(2) may succeed without
 * it. What could not be made durable is not kept. */
static bool
keep(Receiving *receiving, GError **error)
{
    RlStagedImage *draft = receiving->draft;

    receiving->doubtful =
        !rl_partial_keep(&draft->fd, draft->dir, draft->name->leaf, &receiving->came, error);
    draft->kept = !receiving->doubtful;
    receiving->kept = receiving->received->moved;
    return draft->kept;
}

/* After a failure. That it cannot be kept is no other failure. */
static void
keep_what_came(Receiving *receiving)
{
    g_autoptr(GError) cause = NULL;
    RlStagedImage *draft = receiving->draft;

    if (draft->fd < 0 || !receiving->came.at || !(receiving->how->keep_every || draft->kept))
        return;
    if (receiving->doubtful)
        draft->kept = false;
    else if (!keep(receiving, &cause))
        rl_log_warning("%s: %s", draft->name->volume, cause->message);
}

/* To the end of the stream, when all of it was found right. */
static bool
apply_all(Receiving *receiving, GError **error)
{
    for (;;) {
        RlPartHead head;
        const uint8_t *data;
        if (!rl_stream_reader_next(receiving->reader, &head, &data, error))
            return false;
        if (head.type == RL_PART_END)
            return true;
        if (!apply(receiving, &head, data, error))
            return false;
        uint64_t new = receiving->received->moved - receiving->kept,
                 every = receiving->how->keep_every;
        if (every && new >= every && !keep(receiving, error))
            return false;
    }
}

static bool
put_in_place(const Receiving *receiving, GError **error)
{
    RlStagedImage *draft = receiving->draft;
    RlReceived *received = receiving->received;

    if (draft->kept && !rl_partial_release(draft->fd, error))
        return false;
    if (received->created) {
        draft->received = &received->state;
        return rl_staged_create(draft, NULL, received->state.size, error);
    }
    if (!rl_state_id_set_received(draft->fd, &received->state, error))
        return false;
    if (fsync(draft->fd) < 0)
        return rl_fail_errno(error, errno, "cannot sync the new image of volume '%s'",
                             draft->name->volume);
    if (!rl_upload_commit(draft, COMMIT_PATIENCE_MS, error) || !rl_upload_sync(draft, error))
        return false;
    received->revision = draft->revision;
    return true;
}

/* After a system call that failed it is unknown whether all of it can be made durable. */
static bool
publish(Receiving *receiving, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (put_in_place(receiving, &cause))
        return true;
    receiving->doubtful = cause->domain == RL_ERRNO;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

static bool
look(const RlPool *pool, const char *name, bool *ret_exists, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);

    *ret_exists = volume && rl_volume_exists(volume);
    return volume != NULL;
}

static bool
require_there(const RlPool *pool, const char *name, const Receiving *receiving, bool exists,
              GError **error)
{
    return exists || !receiving->received->incremental ||
           rl_fail(error, RL_ERROR_NOT_FOUND,
                   "there is no volume '%s' in pool '%s', and the stream has changes only. Send a "
                   "full stream first",
                   name, pool->path);
}

/* Goes on with what is kept of the stream, up to @rest at least, in place of the new draft. */
static bool
take_kept(Receiving *receiving, uint64_t rest, GError **error)
{
    RlPartialNote wanted = receiving->came;
    RlStagedImage *draft = receiving->draft;
    const RlAccess access = RL_ACCESS_DEFAULT;
    g_autoptr(RlVolume) volume = rl_volume_open(draft->pool, draft->name->volume, error);
    wanted.at = rest;
    rl_autofd int fd = volume ? rl_partial_open(volume, &wanted, error) : -1;

    if (fd < 0)
        return false;
    rl_tmpfile_discard(draft->fd, draft->dir);
    rl_fd_close(&draft->fd);
    draft->fd = rl_fd_steal(&fd);
    draft->kept = true;
    receiving->came = wanted;
    return !receiving->received->created || rl_access_set(draft->fd, &access, error);
}

/* Whatever else is kept for the volume is of no use any more. */
static void
drop_kept(const RlStagedImage *draft)
{
    g_autoptr(RlVolume) volume = rl_volume_open(draft->pool, draft->name->volume, NULL);

    if (volume)
        rl_partial_drop(volume);
}

static bool
fill(Receiving *receiving, GError **error)
{
    uint64_t rest = rl_stream_reader_rest(receiving->reader);

    return (!receiving->received->incremental || require_base(receiving, error)) &&
           (rest ? take_kept(receiving, rest, error) : reshape(receiving, error)) &&
           apply_all(receiving, error);
}

static RlPartialNote
what_comes(const RlStreamReader *reader)
{
    const RlStateId *base = rl_stream_reader_base(reader);

    RlPartialNote note = {.incremental = base != NULL};

    note.state = *rl_stream_reader_state(reader);
    if (base)
        note.base = *base;
    return note;
}

bool
rl_receive(RlPool *pool, const RlReceive *receive, RlReceived *ret_received, GError **error)
{
    g_autoptr(RlPool) owned = pool;
    g_autoptr(RlStreamReader) reader = rl_stream_reader_new(receive->in, error);
    RlReceived received = {.incremental = reader && rl_stream_reader_base(reader)};
    Receiving receiving = {.reader = reader, .how = receive, .received = &received};
    bool exists;

    if (!reader || !look(pool, receive->name, &exists, error) ||
        !require_there(pool, receive->name, &receiving, exists, error))
        return false;
    received.created = !exists;
    received.state = *rl_stream_reader_state(reader);
    receiving.came = what_comes(reader);
    g_autoptr(RlStagedImage) draft = begin(g_steal_pointer(&owned), receive->name, exists, error);
    receiving.draft = draft;
    if (!draft)
        return false;
    draft->origin = g_strdup("a stream");
    if (!fill(&receiving, error) || !publish(&receiving, error)) {
        keep_what_came(&receiving);
        return false;
    }
    drop_kept(draft);
    *ret_received = received;
    return true;
}
