/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program edits the clean image of a volume at rest. The precache was made before: it has the
 * state before the first edit since then, which becomes a revision before anything is made of the
 * edited image, or put in its place. */
#include "check.h"
#include "timeline.h"

#include <string.h>

/* What is known of a volume's precache. */
static struct {
    ino_t ino;       /* 0: there is none */
    ino_t clean;     /* what it was made from, as long as that is the clean image; else 0 */
    Content content; /* that this had then */
    bool edited;     /* since then */
} made[VOLUMES];

void
check_edit_begin(void)
{
    memset(made, 0, sizeof(made));
}

bool
was_edited(int volume, uint64_t from, uint64_t to)
{
    for (guint i = 0; i < ops_of(OP_EDIT)->len; i++) {
        const Op *op = g_ptr_array_index(ops_of(OP_EDIT), i);
        if (op->volume == volume && op->begin < to && op->gone > from)
            return true;
    }
    return false;
}

static bool
is_precache(const Seen *seen, ino_t ino)
{
    return seen->precache.there && seen->precache.ino == ino;
}

static bool
is_revision(const Seen *seen, ino_t ino, Content content)
{
    for (int i = 0; i < seen->n_revisions; i++)
        if (seen->revisions[i].number && seen->revisions[i].ino == ino &&
            seen->revisions[i].content == content)
            return true;
    return false;
}

/* A precache has just got its name. */
static void
note_precache(int volume, const Section *section, const Seen *after)
{
    if (keeps_content(volume) &&
        (!after->clean.there || after->precache.content != after->clean.content))
        wrong(volume, section, op_of(section), "the precache is not what the clean image is");
    made[volume].ino = after->precache.ino;
    made[volume].clean = after->clean.ino;
    made[volume].content = after->precache.content;
    made[volume].edited = false;
}

/* @section does something to the volume whose clean image was edited since its precache was made.
 */
static void
check_kept(int volume, const Section *section, const Seen *after)
{
    const Op *op = op_of(section);

    if (strcmp(section->purpose, "delete") == 0)
        return;
    if (!is_precache(after, made[volume].ino)) {
        if (!is_revision(after, made[volume].ino, made[volume].content))
            wrong(volume, section, op, "content %lu, the state before an edit, is lost",
                  made[volume].content);
        return;
    }
    if (after->dirty.there && !section->before.dirty.there)
        wrong(volume, section, op, "it was started, and the state before an edit was not kept");
    if (!after->clean.there || after->clean.ino != made[volume].clean)
        wrong(volume, section, op,
              "its clean image was replaced, and the state before an edit was not kept");
}

/* Nothing is made of the image while a program has it open to write to it, and nothing takes its
 * place. */
static void
check_open(int volume, const Section *section, const Seen *after)
{
    const Seen *before = &section->before;
    uint64_t until = is_cut(section) ? section->looked : section->released;
    bool started = after->dirty.there && !before->dirty.there;

    if (!before->clean.there ||
        (!started && after->clean.there && after->clean.ino == before->clean.ino))
        return;
    for (guint i = 0; i < ops_of(OP_EDIT)->len; i++) {
        const Op *op = g_ptr_array_index(ops_of(OP_EDIT), i);
        if (op->volume == volume && op->there && op->ino == before->clean.ino && op->end &&
            op->end < section->taken && op->closed > until)
            wrong(volume, section, op, "a program had its clean image open to write to it");
    }
}

void
check_edit(int volume, const Section *section, const Seen *after)
{
    const Seen *before = &section->before;
    bool is_edit = strcmp(section->purpose, "edit") == 0;

    if (!is_edit)
        check_open(volume, section, after);
    if (made[volume].edited)
        check_kept(volume, section, after);
    if (after->precache.there && !is_precache(before, after->precache.ino))
        note_precache(volume, section, after);
    if (!after->precache.there)
        made[volume].ino = 0;
    if (after->clean.ino != made[volume].clean)
        made[volume].clean = 0;
    if (!made[volume].ino || !made[volume].clean)
        made[volume].edited = false;
    else if (is_edit && after->clean.content != before->clean.content &&
             seen_kind(before, volume) == RL_KIND_PERSISTENT && volume_keep[volume] > 0)
        made[volume].edited = true;
}
