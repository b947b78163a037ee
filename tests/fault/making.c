/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making volumes, revisions, and new contents. */
#include "operations.h"

#include "common/base/autofd.h"
#include "common/image/content.h"
#include "common/operation/staged-image.h"
#include "common/operation/upload-writer.h"
#include "common/operation/upload.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>

/* A draft of @text, filled from @from unless that is NULL. */
static RlStagedImage *
draft_of(const char *work, const char *text, const char *from, bool live, GError **error)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    RlPool *pool = pool_of(work, error);
    g_autoptr(RlStagedImage) draft = pool ? rl_staged_new(pool, text, &access, error) : NULL;
    rl_autofd int source = draft && from ? rl_content_open(pool, from, live, error) : -1;

    if (!draft || (from && (source < 0 || !rl_staged_fill(draft, source, SIZE,
                                                          pool->options->fallback_copy, error))))
        return NULL;
    return g_steal_pointer(&draft);
}

static bool
create(const char *work, const char *name, RlKind kind, const char *from, GError **error)
{
    g_autoptr(RlStagedImage) draft = draft_of(work, name, from, false, error);
    g_autoptr(RlRecord) record =
        kind == RL_KIND_PERSISTENT ? NULL
                                   : rl_record_new(kind, kind == RL_KIND_SNAPSHOT ? V : NULL, SIZE);

    return draft && rl_staged_create(draft, record, SIZE, error);
}

static bool
create_persistent(const char *work, GError **error)
{
    return create(work, "new/deep/private", RL_KIND_PERSISTENT, NULL, error);
}

static bool
create_direct(const char *work, GError **error)
{
    return create(work, DIRECT, RL_KIND_DIRECT, NULL, error);
}

static bool
create_snapshot(const char *work, GError **error)
{
    return create(work, ROOT, RL_KIND_SNAPSHOT, NULL, error);
}

static bool
create_volatile(const char *work, GError **error)
{
    return create(work, "scratch", RL_KIND_VOLATILE, NULL, error);
}

static bool
create_clone(const char *work, GError **error)
{
    return create(work, "vm/clone", RL_KIND_PERSISTENT, V "@2", error);
}

static bool
clone_to_direct(const char *work, GError **error)
{
    return create(work, "vm/clone", RL_KIND_DIRECT, V, error);
}

/* Of a deletion that was cut off: a record of another kind, a revision, a precache, a temporary. */
static bool
with_remains(const char *work, GError **error)
{
    static const char *const remains[] = {"clone.img.4@2018-01-02T03:04:05Z", "clone-precache.img",
                                          "clone.img~0123ab"};
    g_autofree char *record = file_of(work, "vm/clone", RL_FILE_RECORD);
    g_autofree char *text = NULL;

    if (!make_private(work, error) || !make(work, DIRECT, RL_KIND_DIRECT, error))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(remains); i++) {
        g_autofree char *path = g_build_filename(work, "pool/vm", remains[i], NULL);
        rl_autofd int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0 || !rl_model_write(fd, SIZE, 9, error))
            return false;
    }
    g_autofree char *direct_record = file_of(work, DIRECT, RL_FILE_RECORD);
    if (!g_file_get_contents(direct_record, &text, NULL, error))
        return false;
    make_file(record, text);
    return true;
}

static bool
with_direct(const char *work, GError **error)
{
    return make_private(work, error) && make(work, DIRECT, RL_KIND_DIRECT, error);
}

static bool
with_precache(const char *work, GError **error)
{
    return make_private(work, error) && maintain(work, V, error);
}

static bool
running(const char *work, GError **error)
{
    return make_private(work, error) && start_for(work, V, &alice, error) &&
           fill(work, V, 4, error);
}

/* Where it is copied, what has a date of this moment may be copied twice. */
static bool
running_idle(const char *work, GError **error)
{
    g_autofree char *dirty = file_of(work, V, RL_FILE_DIRTY);

    if (!running(work, error))
        return false;
    set_mtime(dirty, time(NULL) - 30, 123456789);
    return true;
}

static bool
label_stopped(const char *work, GError **error)
{
    g_autoptr(RlStagedImage) draft = draft_of(work, V "@label", V, true, error);

    return draft && rl_staged_label(draft, error);
}

static bool
replace(const char *work, const char *text, const char *from, GError **error)
{
    g_autoptr(RlStagedImage) draft = draft_of(work, text, from, false, error);

    return draft && rl_staged_replace(draft, error);
}

static bool
revert(const char *work, GError **error)
{
    return replace(work, V "@current", V "@1", error);
}

/* Nobody wants it any more. */
static bool
revert_aborted(const char *work, GError **error)
{
    g_autoptr(RlStagedImage) draft = draft_of(work, V "@current", V "@1", false, error);

    return draft != NULL;
}

static bool
replace_direct(const char *work, GError **error)
{
    return replace(work, DIRECT "@current", V, error);
}

/* As libvirt does: again and again, when there is room. */
static bool
put(RlUploadWriter *writer, const char *data, size_t size, GError **error)
{
    rl_autofd int room = rl_upload_writer_room(writer, error);

    for (;;) {
        RlWriterAnswer answer =
            room < 0 ? RL_WRITER_FAILED : rl_upload_writer_put(writer, data, size, error);
        if (answer != RL_WRITER_WAIT)
            return answer == RL_WRITER_TAKEN;
        struct pollfd wait = {room, POLLOUT, 0};
        poll(&wait, 1, 10000);
    }
}

/* Puts the bytes of the volume DIRECT, tag 1, and between them holes where it has none: one of the
 * blocks that are holes anyhow. */
static RlUploadWriter *
upload_begin(const char *work, GError **error)
{
    g_autofree char *path = file_of(work, DIRECT, RL_FILE_CLEAN), *data = NULL;
    RlPool *pool = pool_of(work, error);
    gsize length;

    fault_pause();
    bool read = g_file_get_contents(path, &data, &length, error);
    fault_resume();
    RlStagedImage *draft = pool && read ? rl_upload_begin(pool, V, error) : NULL;
    RlUploadWriter *writer = draft ? rl_upload_writer_new(draft, 0, 0, error) : NULL;
    if (!writer)
        return NULL;

    size_t hole = 2 * RL_MODEL_BLOCK;
    if (put(writer, data, hole, error) &&
        rl_upload_writer_put_hole(writer, RL_MODEL_BLOCK, error) &&
        put(writer, data + hole + RL_MODEL_BLOCK, length - hole - RL_MODEL_BLOCK, error))
        return writer;
    rl_upload_writer_end(writer);
    return NULL;
}

static bool
upload(const char *work, GError **error)
{
    RlUploadWriter *writer = upload_begin(work, error);

    return writer && rl_upload_writer_commit(writer, 1000, error);
}

static bool
upload_aborted(const char *work, GError **error)
{
    RlUploadWriter *writer = upload_begin(work, error);

    if (writer)
        rl_upload_writer_end(writer);
    return writer != NULL;
}

const Operation making_operations[] = {
    {"create-persistent", make_private, create_persistent, NULL, 0},
    {"create-direct", make_private, create_direct, NULL, 0},
    {"create-snapshot", make_private, create_snapshot, NULL, 0},
    {"create-volatile", make_private, create_volatile, NULL, 0},
    {"create-over-remains", with_remains, create_clone, NULL, OP_IN_PARTS},
    {"clone", make_private, create_clone, NULL, 0},
    {"clone-confined", make_private, create_clone, NULL, OP_CONFINED},
    {"create-record-confined", make_private, create_snapshot, NULL, OP_CONFINED},
    {"clone-to-direct", make_private, clone_to_direct, NULL, 0},
    {"label", make_private, label_stopped, NULL, 0},
    {"label-confined", make_private, label_stopped, NULL, OP_CONFINED},
    {"label-running", running_idle, label_stopped, NULL, 0},
    {"revert", with_precache, revert, NULL, OP_SKIPS_NUMBERS},
    {"revert-confined", with_precache, revert, NULL, OP_SKIPS_NUMBERS | OP_CONFINED},
    {"revert-aborted", make_private, revert_aborted, NULL, OP_SKIPS_NUMBERS | OP_IS_CAREFUL},
    {"replace-direct", with_direct, replace_direct, NULL, OP_SKIPS_NUMBERS},
    {"upload", with_direct, upload, NULL, 0},
    {"upload-confined", with_direct, upload, NULL, OP_CONFINED},
    {"upload-aborted", with_direct, upload_aborted, NULL, 0},
    {0},
};
