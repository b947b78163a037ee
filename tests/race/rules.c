/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an operation may do to a volume while it has the lock, by the purpose that it took it for.
 */
#include "rules.h"
#include "race.h"

#include <string.h>

static bool
same_image(const Image *a, const Image *b)
{
    return a->there == b->there && a->ino == b->ino && a->size == b->size &&
           a->content == b->content;
}

bool
same_revision(const Revision *a, const Revision *b)
{
    return a->number == b->number && a->label == b->label && a->ino == b->ino &&
           a->content == b->content;
}

/* Of a dirty image that stays the content is the guest's affair. */
unsigned
seen_diff(const Seen *a, const Seen *b)
{
    unsigned diff = 0;

    diff |= same_image(&a->clean, &b->clean) ? 0 : D_CLEAN;
    diff |= a->dirty.there == b->dirty.there && a->dirty.ino == b->dirty.ino ? 0 : D_DIRTY;
    diff |= a->dirty.size == b->dirty.size ? 0 : D_SIZE;
    diff |= a->owner == b->owner && a->arriving == b->arriving ? 0 : D_OWNER;
    diff |= a->hold == b->hold ? 0 : D_HOLD;
    diff |= a->record == b->record ? 0 : D_RECORD;
    diff |= !a->record || !b->record || a->capacity == b->capacity ? 0 : D_CAPACITY;
    bool same = a->n_revisions == b->n_revisions;
    for (int i = 0; same && i < a->n_revisions; i++)
        same = same_revision(&a->revisions[i], &b->revisions[i]);
    return diff | (same ? 0 : D_REVISIONS);
}

static const Revision *
find_same(const Seen *seen, const Revision *revision)
{
    for (int i = 0; i < seen->n_revisions; i++)
        if (same_revision(&seen->revisions[i], revision))
            return &seen->revisions[i];
    return NULL;
}

static const Revision *
find_ino(const Seen *seen, ino_t ino)
{
    for (int i = 0; i < seen->n_revisions; i++)
        if (!seen->revisions[i].label && seen->revisions[i].ino == ino)
            return &seen->revisions[i];
    return NULL;
}

/* The one revision that @more has and @less has not; NULL if that is not all the difference. */
static const Revision *
one_more(const Seen *less, const Seen *more)
{
    const Revision *found = NULL;

    if (more->n_revisions != less->n_revisions + 1)
        return NULL;
    for (int i = 0; i < more->n_revisions; i++) {
        if (find_same(less, &more->revisions[i]))
            continue;
        if (found)
            return NULL;
        found = &more->revisions[i];
    }
    return found;
}

uint64_t
seen_highest(const Seen *seen)
{
    uint64_t highest = 0;

    for (int i = 0; i < seen->n_revisions; i++)
        highest = MAX(highest, seen->revisions[i].number);
    return highest;
}

int
seen_labels(const Seen *seen)
{
    int n = 0;

    for (int i = 0; i < seen->n_revisions; i++)
        n += seen->revisions[i].label != 0;
    return n;
}

/* All revisions of @after are @before's, and of the automatic ones the newest @keep are there that
 * are not the clean image itself; the others are gone, or with @may_stay may be there: it was
 * cut off, or a process had them open. @extra is one that @before does not have. */
static bool
is_pruned(const Seen *before, const Revision *extra, const Seen *after, int keep, bool may_stay)
{
    Seen whole = *before;
    int seen = 0, wanted = 0;

    if (extra && !find_same(&whole, extra)) {
        int at = 0;
        while (at < whole.n_revisions && !whole.revisions[at].label)
            at++;
        memmove(&whole.revisions[at + 1], &whole.revisions[at],
                sizeof(Revision) * (size_t) (whole.n_revisions - at));
        whole.revisions[at] = *extra;
        whole.n_revisions++;
    }
    for (int i = whole.n_revisions; i-- > 0;) {
        const Revision *revision = &whole.revisions[i];
        bool stays = revision->label || revision->ino == after->clean.ino || seen++ < keep;
        bool there = find_same(after, revision);
        if (stays ? !there : there && !may_stay)
            return false;
        wanted += there;
    }
    return wanted == after->n_revisions;
}

/* The clean image gives way to another one, and is the next revision now. */
static const char *
replaced(const Seen *before, const Seen *after, int keep, bool may_stay)
{
    const Revision *linked = find_ino(before, before->clean.ino);
    Revision next = {.ino = before->clean.ino, .content = before->clean.content};

    if (linked)
        next = *linked;
    else if (find_ino(after, before->clean.ino))
        next.number = find_ino(after, before->clean.ino)->number;
    else if (keep > 0)
        return "what was the clean image is no revision now: committed content is lost";
    else
        next.number = seen_highest(before) + 1;
    if (!linked && next.number <= seen_highest(before))
        return "a revision's number does not grow";
    if (!is_pruned(before, &next, after, keep, may_stay))
        return "the revisions are not those from before, and the clean image";
    return NULL;
}

static const char *
rule_create(const Op *op, const Seen *before, const Seen *after, bool cut)
{
    RlKind kind = op->asks               ? op->asked
                  : op->kind == OP_CLONE ? RL_KIND_PERSISTENT
                                         : volume_kinds[op->volume];
    bool image = kind == RL_KIND_PERSISTENT || kind == RL_KIND_DIRECT;

    if (seen_exists(before, op->volume))
        return "a volume was created in another one's place";
    if (before->n_revisions > 0)
        return "a volume was created over revisions";
    if (after->dirty.there)
        return "a new volume has a dirty image";
    if (after->clean.there && (!image || after->clean.content != op->content))
        return "the new volume's clean image is not what was made for it";
    if (cut)
        return NULL;
    if (after->n_revisions > 0)
        return "a new volume has revisions";
    return after->clean.there == image && after->record == (kind != RL_KIND_PERSISTENT)
               ? NULL
               : "the new volume is not whole";
}

static const char *
rule_label(const Op *op, const Seen *before, const Seen *after, unsigned diff)
{
    const Revision *added = one_more(before, after);

    if (diff != D_REVISIONS || !added || added->label != op->label)
        return "more than a named revision has changed";
    if (!seen_exists(before, op->volume))
        return "a volume that is gone has a new revision";
    return added->content == op->content ? NULL : "the named revision is not what was made for it";
}

static const char *
rule_replace(const Op *op, const Seen *before, const Seen *after, unsigned diff, bool cut)
{
    if (before->dirty.there || after->dirty.there || !before->clean.there)
        return "the content of a volume that is not at rest was replaced";
    /* The kind comes first: a crash may leave it with the content that was. */
    if (op->asks && cut && diff == D_RECORD)
        return NULL;
    if (op->asks && diff & D_CLEAN && seen_kind(after, op->volume) != op->asked)
        return "it has the new content, and not the kind";
    if (op->asks && (diff & D_CLEAN || cut))
        diff &= ~(unsigned) D_RECORD;
    if (!(diff & D_CLEAN)) {
        const Revision *added = one_more(before, after);
        if ((op->kind != OP_REVERT && !cut) || diff != D_REVISIONS || !added ||
            added->ino != before->clean.ino || added->content != before->clean.content)
            return "more than a revision that is the clean image has come";
        return added->number > seen_highest(before) ? NULL : "a revision's number does not grow";
    }
    if (diff & ~(D_CLEAN | D_REVISIONS))
        return "more than the clean image and the revisions have changed";
    if (!op->made || after->clean.content != op->content)
        return "the new clean image is not what was made for it";
    if (op->kind == OP_UPLOAD)
        return replaced(before, after, volume_keep[op->volume], true);
    return replaced(before, after, REVISIONS, cut);
}

/* Of a volatile volume a size that was changed while it ran is recorded, before its image goes. */
static bool
capacity_is_kept(const Op *op, const Seen *before, const Seen *after, unsigned diff)
{
    return !(diff & D_CAPACITY) ||
           (volume_kinds[op->volume] == RL_KIND_VOLATILE && after->capacity == before->dirty.size);
}

/* May @op end the run that was there? A stop that is not its own: what an earlier one found no
 * space for. */
static bool
may_stop(const Op *op, const Seen *before)
{
    if (op->kind != OP_STOP && op->kind != OP_UNSTART)
        return before->ended;
    if (op->owner)
        return before->owner == op->owner;
    return !before->fresh || before->hold == RL_MARK_SAVED || before->owner == BY_HAND;
}

static const char *
rule_stop(const Op *op, const Seen *before, const Seen *after, unsigned diff, bool cut)
{
    if (!may_stop(op, before))
        return "another domain's run was ended";
    if (before->arriving && op->kind != OP_UNSTART)
        return "half of a migration was taken for a run";
    if (before->hold == RL_MARK_SAVED || before->hold == RL_MARK_SUSPECT)
        return "a saved or suspect image was taken";
    if (!capacity_is_kept(op, before, after, diff))
        return "another size was recorded than that of the image that is gone";
    if (after->dirty.there) {
        const Revision *added = one_more(before, after);
        /* Who opened the image meanwhile is found when its mark is off. */
        if (op->code == RL_ERROR_BUSY && diff == D_HOLD && after->hold == RL_MARK_NONE)
            return NULL;
        if (cut && !(diff & ~(D_OWNER | D_HOLD | D_REVISIONS | D_CAPACITY)) &&
            (!(diff & D_REVISIONS) ||
             (added && added->ino == before->clean.ino && added->number > seen_highest(before))))
            return NULL;
        return "a stop changed something, and left the dirty image";
    }
    switch (seen_kind(before, op->volume)) {
    case RL_KIND_SNAPSHOT:
    case RL_KIND_VOLATILE:
        return diff & (D_CLEAN | D_REVISIONS | D_RECORD) ? "more than the dirty image is gone"
                                                         : NULL;
    case RL_KIND_DIRECT:
        return after->clean.ino == before->dirty.ino && !(diff & (D_REVISIONS | D_RECORD))
                   ? NULL
                   : "the direct volume's image is not the one it was";
    case RL_KIND_PERSISTENT:
        break;
    }
    if (diff & D_RECORD)
        return "a record has come or gone";
    if (!(diff & (D_CLEAN | D_REVISIONS)))
        return before->dirty.content == before->clean.content
                   ? NULL
                   : "what a guest wrote was taken for nothing: committed content is lost";
    if (after->clean.ino != before->dirty.ino || after->clean.content != before->dirty.content)
        return "the clean image is not what the guest wrote";
    return replaced(before, after, REVISIONS, false);
}

/* The content of a snapshot's image is the checker's to judge, who knows the source's. */
static const char *
new_dirty(const Op *op, const Seen *before, const Seen *after)
{
    switch (seen_kind(before, op->volume)) {
    case RL_KIND_PERSISTENT:
        if (after->dirty.content != before->clean.content ||
            after->dirty.size != before->clean.size)
            return "the dirty image is not what the clean one is";
        break;
    case RL_KIND_DIRECT:
        return after->dirty.ino == before->clean.ino && !after->clean.there
                   ? NULL
                   : "the direct volume's image is not the one it was";
    case RL_KIND_VOLATILE:
        if (after->dirty.content != 0 || after->dirty.size != before->capacity)
            return "a volatile volume's image is not empty, or of another size than is recorded";
        break;
    case RL_KIND_SNAPSHOT:
        break;
    }
    return same_image(&before->clean, &after->clean) ? NULL : "a start changed the clean image";
}

static const char *
rule_start(const Op *op, const Seen *before, const Seen *after, unsigned diff, bool cut)
{
    bool drops = volume_kinds[op->volume] == RL_KIND_SNAPSHOT ||
                 volume_kinds[op->volume] == RL_KIND_VOLATILE;

    if (diff & (D_REVISIONS | D_RECORD | D_CAPACITY))
        return "a start changed revisions or the record";
    if (before->dirty.there && before->owner != op->owner && before->fresh &&
        before->hold != RL_MARK_SAVED)
        return "a domain was given another one's image: it has two owners";
    if (before->dirty.there && before->hold == RL_MARK_SAVED && before->owner != op->owner)
        return "a saved domain's image was taken";
    if (after->arriving != (op->kind == OP_ARRIVE) && (after->dirty.there || !cut) &&
        !(before->dirty.there && !after->dirty.there))
        return "a start is a migration that is none, or none that is one";
    if (before->dirty.there && !(diff & D_DIRTY) && keeps_content(op->volume) &&
        before->hold == RL_MARK_NONE && before->arriving != (op->kind == OP_ARRIVE))
        return "a start goes on with half of a migration, or that with what a guest wrote";
    if (before->dirty.there && (diff & D_DIRTY)) {
        if (!drops || before->hold != RL_MARK_NONE)
            return "a start dropped what a guest wrote";
        return !after->dirty.there || after->owner == op->owner ? NULL : "it is not its starter's";
    }
    if (before->dirty.there)
        return diff & ~(D_OWNER | D_HOLD) || (after->owner != op->owner && !cut)
                   ? "more than the owner has changed"
                   : NULL;
    if (after->owner != op->owner)
        return "it is not its starter's";
    return new_dirty(op, before, after);
}

static const char *
rule_unstart(const Op *op, const Seen *before, const Seen *after, unsigned diff, bool cut)
{
    if (before->owner != op->owner)
        return "another domain's start was undone";
    if (after->dirty.there && before->arriving && !before->continued && !after->arriving &&
        after->dirty.content != before->clean.content && keeps_content(op->volume))
        return "half of a migration is an ordinary leftover now";
    if (after->dirty.there)
        return diff & ~(D_OWNER | D_HOLD) ? "more than the owner has changed" : NULL;
    return rule_stop(op, before, after, diff, cut);
}

static const char *
rule_decide(const Seen *before, const Seen *after, unsigned diff, bool discard)
{
    /* A start changes the mark that keeps an image; who was given one has it open. */
    if (before->fresh && before->hold != RL_MARK_SAVED && before->hold != RL_MARK_SUSPECT &&
        !rl_mark_is_kept(before->hold) && before->owner != BY_HAND)
        return "a person decided about the image of a domain that was starting";
    if (!discard)
        return diff & ~(D_OWNER | D_HOLD) ? "more than the mark has changed" : NULL;
    return after->dirty.there || diff & (D_CLEAN | D_REVISIONS | D_RECORD | D_CAPACITY)
               ? "more than the dirty image is gone"
               : NULL;
}

static const char *
rule_delete(const Op *op, const Seen *before, const Seen *after, bool cut)
{
    if (seen_labels(before) > 0 && !op->labels)
        return "named revisions were deleted that nobody asked for";
    if (before->dirty.there && (before->fresh || before->hold == RL_MARK_SAVED))
        return "a volume was deleted that runs, or is saved";
    if (!cut)
        return after->clean.there || after->dirty.there || after->record || after->n_revisions
                   ? "something of the volume is left"
                   : NULL;
    /* Revisions, dirty, clean, record. */
    if (!after->clean.there && !after->dirty.there && after->n_revisions > 0)
        return "a deletion that was cut off left revisions without their volume";
    if ((after->dirty.there && after->dirty.ino != before->dirty.ino) ||
        (after->clean.there && !same_image(&after->clean, &before->clean)) ||
        (before->dirty.there && after->dirty.there && before->clean.there && !after->clean.there))
        return "a deletion that was cut off changed something else";
    return NULL;
}

static const char *
rule_delete_revision(const Op *op, const Seen *before, const Seen *after, unsigned diff)
{
    const Revision *gone = one_more(after, before);

    return diff == D_REVISIONS && gone && gone->number == op->number && gone->label == op->label
               ? NULL
               : "more than that revision is gone";
}

/* Before an image gets smaller the record is written, and after it has grown. */
static const char *
rule_resize_recorded(const Op *op, const Seen *before, const Seen *after, unsigned diff, bool cut)
{
    if (diff & ~(D_SIZE | D_CAPACITY))
        return "more than the size has changed";
    if ((diff & D_SIZE && after->dirty.size != op->size) ||
        (diff & D_CAPACITY && after->capacity != op->size))
        return "the size is another one";
    if (!cut)
        return (before->dirty.there && after->dirty.size != op->size) || after->capacity != op->size
                   ? "the image has the new size, or the record, but not both"
                   : NULL;
    if (!before->dirty.there)
        return NULL;
    return op->size < before->dirty.size ? (diff & D_SIZE && after->capacity != op->size
                                                ? "it got smaller before that was recorded"
                                                : NULL)
                                         : (diff & D_CAPACITY && after->dirty.size != op->size
                                                ? "it was recorded before it has grown"
                                                : NULL);
}

static const char *
rule_resize(const Op *op, const Seen *before, const Seen *after, unsigned diff, bool cut)
{
    if (volume_kinds[op->volume] == RL_KIND_SNAPSHOT ||
        volume_kinds[op->volume] == RL_KIND_VOLATILE)
        return rule_resize_recorded(op, before, after, diff, cut);
    if (diff == D_SIZE)
        return after->dirty.size == op->size ? NULL : "the size is another one";
    return diff == D_CLEAN && after->clean.there && before->clean.there &&
                   after->clean.content == before->clean.content && after->clean.size == op->size
               ? NULL
               : "more than the size has changed";
}

static const char *
rule_keep(const Op *op, const Seen *before, unsigned diff)
{
    return before->owner == op->owner && !(diff & ~(D_OWNER | D_HOLD))
               ? NULL
               : "another domain's image was marked, or more than the mark has changed";
}

/* An image passes to a domain that has it as a disk: with what its run had. */
static const char *
rule_give(const Op *op, const Seen *before, const Seen *after, unsigned diff)
{
    bool throwaway = !keeps_content(op->volume);

    if (diff != D_OWNER || after->owner != op->owner || before->arriving != after->arriving)
        return "more than the owner has changed, or it is another one";
    if (before->hold == RL_MARK_SAVED || before->hold == RL_MARK_SUSPECT)
        return "a saved or suspect image was given away";
    if (op->kind == OP_PASS_ON)
        return before->owner == op->from ? NULL : "a domain's image was passed on by another one";
    if (before->fresh && before->owner != BY_HAND)
        return "the image of a domain that was starting was given away";
    return throwaway && rl_mark_is_kept(before->hold) ? "what was kept is to be dropped" : NULL;
}

static const char *
rule_arrived(const Op *op, const Seen *before, const Seen *after, unsigned diff)
{
    if (diff != D_OWNER || before->owner != op->owner || after->owner != op->owner ||
        !before->arriving)
        return "more than that a migration has come has changed";
    return op->kind == OP_REFUTE && before->continued && keeps_content(op->volume)
               ? "half of a migration counts as a run"
               : NULL;
}

static const char *
rule_drop_arrival(const Op *op, const Seen *before, const Seen *after)
{
    if (before->owner != op->owner || !before->arriving)
        return "a migration that was broken off took another run's image";
    if (after->dirty.there)
        return "more than the image of a migration has changed";
    if (before->continued || before->hold != RL_MARK_NONE ||
        seen_kind(before, op->volume) == RL_KIND_DIRECT ||
        (seen_kind(before, op->volume) == RL_KIND_PERSISTENT && !before->clean.there))
        return "what no migration made was dropped";
    return same_image(&before->clean, &after->clean) ? NULL : "the clean image has changed";
}

static const char *
rule_unshare(const Seen *before, const Seen *after, unsigned diff)
{
    if (diff == D_DIRTY)
        return before->dirty.there && after->dirty.there &&
                       after->dirty.content == before->dirty.content
                   ? NULL
                   : "more than the dirty image's inode has changed";
    return diff == D_CLEAN && after->clean.content == before->clean.content &&
                   after->clean.size == before->clean.size && before->clean.there
               ? NULL
               : "more than the clean image's inode has changed";
}

static const char *
rule_unlink_replaced(const Seen *before, const Seen *after, unsigned diff)
{
    const Revision *gone = one_more(after, before);

    return diff == D_REVISIONS && gone && gone->ino == before->clean.ino
               ? NULL
               : "more than the second name of the clean image is gone";
}

/* @seen without the revision that is the clean image itself. */
static Seen
without_linked(const Seen *seen)
{
    Seen less = *seen;

    less.n_revisions = 0;
    for (int i = 0; i < seen->n_revisions; i++)
        if (seen->revisions[i].label || seen->revisions[i].ino != seen->clean.ino)
            less.revisions[less.n_revisions++] = seen->revisions[i];
    return less;
}

/* The precache becomes a revision; a second name of the clean image goes before. That the precache
 * is what the clean image was is seen to in edits.c. */
static const char *
rule_keep_edit(int volume, const Seen *before, const Seen *after, bool cut)
{
    const Seen unlinked = without_linked(before);
    const Revision *added = one_more(&unlinked, after);

    if (cut && !seen_diff(&unlinked, after))
        return NULL;
    if (seen_kind(before, volume) != RL_KIND_PERSISTENT || volume_keep[volume] == 0 ||
        before->dirty.there || seen_diff(&unlinked, after) != D_REVISIONS || !added || added->label)
        return "more than a revision of the state before an edit has come";
    if (added->number <= seen_highest(before))
        return "a revision's number does not grow";
    return added->ino == before->precache.ino && added->content == before->precache.content &&
                   !after->precache.there
               ? NULL
               : "it is not the precache";
}

/* A program edits the clean image in place; a second name of it is of the same file. */
static const char *
rule_edit(const Op *op, const Seen *before, const Seen *after)
{
    Seen edited = *before;

    edited.clean.content = op->content;
    for (int i = 0; i < edited.n_revisions; i++)
        if (edited.revisions[i].ino == edited.clean.ino)
            edited.revisions[i].content = op->content;
    return seen_diff(&edited, after) || before->dirty.there ? "the test's own edit is wrong" : NULL;
}

const char *
rule_broken(const Op *op, const Section *section, const Seen *after, bool cut)
{
    const Seen *before = &section->before;
    unsigned diff = seen_diff(before, after);
    const char *purpose = section->purpose;

    if (!diff)
        return NULL;
    if (strcmp(purpose, "create") == 0)
        return rule_create(op, before, after, cut);
    if (strcmp(purpose, "snapshot") == 0)
        return rule_label(op, before, after, diff);
    if (strcmp(purpose, "replace") == 0)
        return rule_replace(op, before, after, diff, cut);
    if (strcmp(purpose, "stop") == 0)
        return rule_stop(op, before, after, diff, cut);
    if (strcmp(purpose, "start") == 0)
        return rule_start(op, before, after, diff, cut);
    if (strcmp(purpose, "undo a start") == 0)
        return rule_unstart(op, before, after, diff, cut);
    if (strcmp(purpose, "continued") == 0 || strcmp(purpose, "discarded") == 0)
        return rule_decide(before, after, diff, purpose[0] == 'd');
    if (strcmp(purpose, "delete") == 0)
        return rule_delete(op, before, after, cut);
    if (strcmp(purpose, "delete a revision") == 0)
        return rule_delete_revision(op, before, after, diff);
    if (strcmp(purpose, "resize") == 0)
        return rule_resize(op, before, after, diff, cut);
    if (strcmp(purpose, "keep") == 0)
        return rule_keep(op, before, diff);
    if (strcmp(purpose, "confirm") == 0)
        return diff == D_HOLD && before->owner == op->owner && before->hold == RL_MARK_RESTORED
                   ? NULL
                   : "more than the mark of a restored image is gone";
    if (strcmp(purpose, "make its domain the owner") == 0)
        return rule_give(op, before, after, diff);
    if (strcmp(purpose, "confirm a migration") == 0)
        return rule_arrived(op, before, after, diff);
    if (strcmp(purpose, "end a migration") == 0)
        return rule_drop_arrival(op, before, after);
    if (strcmp(purpose, "unshare") == 0)
        return rule_unshare(before, after, diff);
    if (strcmp(purpose, "undo a replacement") == 0)
        return rule_unlink_replaced(before, after, diff);
    if (strcmp(purpose, "prune") == 0)
        return diff == D_REVISIONS && is_pruned(before, NULL, after, volume_keep[section->volume],
                                                cut || op->kind != OP_QUIET)
                   ? NULL
                   : "not just the oldest automatic revisions are gone";
    if (strcmp(purpose, "keep the state before an edit") == 0)
        return rule_keep_edit(section->volume, before, after, cut);
    if (strcmp(purpose, "edit") == 0)
        return rule_edit(op, before, after);
    if (strcmp(purpose, "tidy up") == 0)
        return diff == D_RECORD && !seen_exists(before, section->volume) ? NULL
                                                                         : "tidying took data";
    return "nothing was to change";
}
