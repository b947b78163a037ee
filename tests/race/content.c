/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operations of the module's: content that is made, taken from elsewhere, and read. */
#include "child.h"

#include "common/base/autofd.h"
#include "common/image/content.h"
#include "common/operation/clone.h"
#include "common/operation/staged-image.h"
#include "common/operation/upload.h"

char *
pick_revision(int volume, uint64_t *ret_number, int *ret_label)
{
    g_autoptr(RlVolume) there = rl_volume_open(child.pool, volume_names[volume], NULL);
    g_autoptr(GPtrArray) revisions =
        there && there->dir >= 0 ? rl_revisions_list(there->dir, there->name->leaf, NULL) : NULL;

    if (!revisions || revisions->len == 0)
        return NULL;
    const RlRevision *revision = g_ptr_array_index(revisions, (guint) pick((int) revisions->len));
    *ret_number = revision->number;
    *ret_label = revision->label ? label_find(revision->label) : 0;
    return rl_revision_name(revision, volume_names[volume]);
}

/* Opens a random source for @op, or the volume @from itself as it is now; writes down what it has.
 */
static int
open_source(Op *op, int from, bool live, GError **error)
{
    Source *source = &op->source;
    g_autofree char *text =
        !live && chance(50) ? pick_revision(from, &source->number, &source->label) : NULL;

    source->live = live;
    source->volume = from + 1;
    source->from = stamp();
    rl_autofd int fd = rl_content_open(child.pool, text ? text : volume_names[from], live, error);
    if (fd >= 0 && !live)
        source->content = content_read(fd);
    source->to = stamp();
    source->opened = fd >= 0;
    return rl_fd_steal(&fd);
}

/* What has been made, in the file that is to get a name. */
static void
note_content(Op *op, const RlStagedImage *draft)
{
    op->content = content_read(draft->fd);
    if (op->source.live) {
        op->source.content = op->content;
        op->source.to = stamp();
    }
    op->made = true;
}

void
do_create(int volume)
{
    Op *op = op_begin(OP_CREATE, volume);
    RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;
    g_autoptr(RlStagedImage) draft =
        rl_staged_new(open_pool(), volume_names[volume], &access, &error);
    g_autoptr(RlRecord) record = NULL;

    if (volume_kinds[volume] == RL_KIND_SNAPSHOT)
        record = rl_record_new(RL_KIND_SNAPSHOT, volume_names[SNAPSHOT_SOURCE], 0);
    else if (volume_kinds[volume] != RL_KIND_PERSISTENT)
        record = rl_record_new(volume_kinds[volume], NULL, IMAGE_SIZE);
    if (draft) {
        content_write(draft->fd, op->tag);
        note_content(op, draft);
    }
    op_end(op, draft && rl_staged_create(draft, record, IMAGE_SIZE, &error), &error);
}

/* NAME@kind=KIND. */
static void
ask_for_kind(Op *op, RlStagedImage *draft, int percent)
{
    op->asks = draft && keeps_content(op->volume) && chance(percent);
    if (!op->asks)
        return;
    op->asked = chance(50) ? RL_KIND_DIRECT : RL_KIND_PERSISTENT;
    draft->asked = (RlAskedKind){.given = true, .kind = op->asked};
}

void
do_clone(int volume)
{
    if (volume_kinds[volume] != RL_KIND_PERSISTENT)
        return;

    Op *op = op_begin(OP_CLONE, volume);
    RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;
    g_autoptr(RlStagedImage) draft =
        rl_staged_new(open_pool(), volume_names[volume], &access, &error);
    rl_autofd int from = draft ? open_source(op, pick(VOLUMES), false, &error) : -1;
    bool done = from >= 0 && rl_staged_fill(draft, from, 0, false, &error);

    ask_for_kind(op, draft, 20);
    if (done)
        note_content(op, draft);
    op_end(op, done && rl_clone_publish(draft, 0, &error), &error);
}

void
do_label(int volume)
{
    Op *op = op_begin(OP_LABEL, volume);
    RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;

    op->label = 1 + pick(LABELS);
    g_autofree char *label = label_of(op->label);
    g_autofree char *text = g_strdup_printf("%s@%s", volume_names[volume], label);
    g_autoptr(RlStagedImage) draft = rl_staged_new(open_pool(), text, &access, &error);
    rl_autofd int from = draft ? open_source(op, volume, true, &error) : -1;
    bool done = from >= 0 && rl_staged_fill(draft, from, 0, false, &error);

    if (done)
        note_content(op, draft);
    op_end(op, done && rl_staged_label(draft, &error), &error);
}

void
do_revert(int volume)
{
    Op *op = op_begin(OP_REVERT, volume);
    RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;
    g_autofree char *text = g_strdup_printf("%s@current", volume_names[volume]);
    RlStagedImage *draft = rl_staged_new(open_pool(), text, &access, &error);
    rl_autofd int from =
        draft ? open_source(op, chance(70) ? volume : pick(VOLUMES), false, &error) : -1;
    bool done = from >= 0 && rl_staged_fill(draft, from, 0, false, &error);

    if (draft)
        op->number = draft->revision;
    ask_for_kind(op, draft, 30);
    if (done)
        note_content(op, draft);
    done = done && rl_staged_replace(draft, &error);
    rl_staged_free(draft);
    op_end(op, done, &error);
}

void
do_upload(int volume)
{
    Op *op = op_begin(OP_UPLOAD, volume);
    GError *error = NULL;
    RlStagedImage *draft = rl_upload_begin(open_pool(), volume_names[volume], &error);
    bool done = draft;

    if (done) {
        content_write(draft->fd, op->tag);
        note_content(op, draft);
        done = fsync(draft->fd) == 0 && chance(95) && rl_upload_commit(draft, 30000, &error);
    }
    if (done) {
        op->number = draft->revision;
        done = rl_upload_sync(draft, &error);
    }
    rl_staged_free(draft);
    op_end(op, done, &error);
}

void
do_read(int volume)
{
    Op *op = op_begin(OP_READ, volume);
    GError *error = NULL;
    rl_autofd int fd = open_source(op, volume, false, &error);

    op_end(op, fd >= 0, &error);
}
