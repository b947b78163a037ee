/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Goes through what was done with each volume's lock, and sees that each step is one that its
 * operation may do, and that nothing happened in between. */
#include "check.h"
#include "timeline.h"

#include <stdio.h>
#include <string.h>

uint64_t checked_sections, cut_sections;

/* What is known of a volume so far. */
static struct {
    uint64_t highest;          /* number that a revision was given, in the volume's present life */
    Revision given[REVISIONS]; /* what had them, by the remainder of the number */
    ino_t dirty;               /* the dirty image */
    Content content;           /* of it, when it was seen last */
    uint64_t seen;             /* when that was */
} known[VOLUMES];

static GPtrArray *by_kind[OP_KINDS];

GPtrArray *
ops_of(OpKind kind)
{
    return by_kind[kind];
}

static void
collect_ops(void)
{
    for (int i = 0; i < OP_KINDS; i++)
        by_kind[i] = g_ptr_array_new();
    for (int i = 0; i < SLOTS; i++)
        for (int j = 0; j < shared->slots[i].n_ops; j++) {
            Op *op = &shared->slots[i].ops[j];
            g_ptr_array_add(by_kind[op->kind], op);
        }
}

/* A guest's image holds what was written last, or is being written. */
static void
check_dirty(int volume, const Section *section, const Seen *seen, uint64_t from, uint64_t to)
{
    const Op *last = NULL;
    bool fine = false;

    /* Another one may get the same inode. */
    if (!seen->dirty.there)
        known[volume].dirty = 0;
    if (!seen->dirty.there)
        return;
    if (seen->dirty.ino == known[volume].dirty) {
        for (guint i = 0; i < by_kind[OP_WRITE]->len; i++) {
            const Op *op = g_ptr_array_index(by_kind[OP_WRITE], i);
            if (op->volume != volume || op->ino != seen->dirty.ino || op->begin > to)
                continue;
            bool over = op->end != 0 && op->end < from;
            fine = fine || (!over && op->content == seen->dirty.content);
            if (over && op->end > known[volume].seen && (!last || op->end > last->end))
                last = op;
        }
        Content wanted = last ? last->content : known[volume].content;
        if (!fine && seen->dirty.content != wanted)
            wrong(volume, section, last, "the guest wrote %lu, and its image has %lu", wanted,
                  seen->dirty.content);
    }
    known[volume].dirty = seen->dirty.ino;
    known[volume].content = seen->dirty.content;
    known[volume].seen = from;
}

static bool
has_number(const Seen *seen, uint64_t number)
{
    for (int i = 0; i < seen->n_revisions; i++)
        if (!seen->revisions[i].label && seen->revisions[i].number == number)
            return true;
    return false;
}

/* Numbers only grow, over deletions of revisions too. */
static void
check_numbers(int volume, const Section *section, const Seen *before, const Seen *after)
{
    if (!seen_exists(before, volume) && seen_exists(after, volume))
        known[volume].highest = 0;
    for (int i = 0; i < after->n_revisions; i++) {
        uint64_t number = after->revisions[i].number;
        Revision *given = &known[volume].given[number % REVISIONS];
        /* The clean image, which may have been edited. */
        if (number && has_number(before, number) && after->revisions[i].ino == after->clean.ino)
            *given = after->revisions[i];
        if (!number || has_number(before, number))
            continue;
        /* A replacement gives its revision the name again that somebody has deleted meanwhile. */
        if (number <= known[volume].highest && !same_revision(given, &after->revisions[i]))
            wrong(volume, section, NULL, "revision %lu is new, and there was %lu already", number,
                  known[volume].highest);
        known[volume].highest = MAX(known[volume].highest, number);
        *given = after->revisions[i];
    }
}

/* Nobody's image is taken away while his guest has it. */
static void
check_guests(int volume, const Section *section, const Seen *after)
{
    const Seen *before = &section->before;

    if (!before->dirty.there || (after->dirty.there && after->dirty.ino == before->dirty.ino))
        return;
    for (guint i = 0; i < by_kind[OP_OPEN]->len; i++) {
        const Op *op = g_ptr_array_index(by_kind[OP_OPEN], i);
        uint64_t released = is_cut(section) ? section->looked : section->released;
        if (op->volume == volume && op->there && op->end && op->ino == before->dirty.ino &&
            op->end < released && op->closed > released)
            wrong(volume, section, op, "a guest's image was taken away");
    }
}

/* A snapshot's new image is what its source is at that moment, and as large as is recorded if that
 * is larger. @data is what the snapshot is then. */
static bool
is_source_of(const Seen *seen, const void *data)
{
    const Seen *snapshot = data;

    return seen->clean.there && seen->clean.content == snapshot->dirty.content &&
           snapshot->dirty.size == MAX(seen->clean.size, snapshot->capacity);
}

static void
check_snapshot(int volume, const Section *section, const Seen *after, uint64_t until)
{
    if (volume_kinds[volume] != RL_KIND_SNAPSHOT || strcmp(section->purpose, "start") != 0 ||
        !after->dirty.there || after->dirty.ino == section->before.dirty.ino)
        return;
    if (!timeline_some(SNAPSHOT_SOURCE, section->taken, until, is_source_of, after))
        wrong(
            SNAPSHOT_SOURCE, section, op_of(section),
            "the snapshot's image is %lu of %ld bytes, its record says %ld, and its source was not",
            after->dirty.content, (long) after->dirty.size, (long) after->capacity);
}

/* What is recorded of a snapshot has room for its source. */
static bool
has_room(const Seen *seen, const void *data)
{
    return !seen->clean.there || seen->clean.size <= *(const off_t *) data;
}

static void
check_room(int volume, const Section *section, const Seen *after, uint64_t until)
{
    if (volume_kinds[volume] == RL_KIND_SNAPSHOT && strcmp(section->purpose, "resize") == 0 &&
        (seen_diff(&section->before, after) & D_CAPACITY) &&
        !timeline_some(SNAPSHOT_SOURCE, section->taken, until, has_room, &after->capacity))
        wrong(volume, section, NULL, "the snapshot is smaller than its source");
}

/* Nor is it given to another domain then. */
static void
check_given(int volume, const Section *section, const Seen *after)
{
    const Seen *before = &section->before;
    uint64_t released = is_cut(section) ? section->looked : section->released;

    if (before->owner == after->owner || strcmp(section->purpose, "make its domain the owner") != 0)
        return;
    for (guint i = 0; i < by_kind[OP_OPEN]->len; i++) {
        const Op *op = g_ptr_array_index(by_kind[OP_OPEN], i);
        if (op->volume == volume && op->there && op->end && op->ino == before->dirty.ino &&
            op->end < section->taken && op->closed > released)
            wrong(volume, section, op, "a guest's image was given to another domain");
    }
}

/* A path never dangles, whatever was killed; and who stops a run leaves it as it is to be, unless
 * another file is there. */
static void
check_link(int volume, const Section *section, const Seen *seen)
{
    if (seen == &section->before)
        check_foreign(volume, section, seen, section->taken, section->looked);
    else
        check_foreign(volume, section, seen, section->done, section->released);
    if (seen->link == RL_LINK_FOREIGN && !seen->foreign.there)
        wrong(volume, section, NULL, "what lies under its path is no link of it");
    if ((seen->link == RL_LINK_DIRTY && !seen->dirty.there) ||
        (seen->link == RL_LINK_CLEAN && !seen->clean.there))
        wrong(volume, section, NULL, "its path dangles");
    if (seen == &section->after && strcmp(section->purpose, "stop") == 0 &&
        section->before.dirty.there && !seen->dirty.there &&
        seen->link != link_wanted(seen, volume) &&
        !was_foreign(volume, section->taken, section->released))
        wrong(volume, section, NULL, "its path is another one after a stop");
}

static void
check_step(int volume, const Section *section, const Seen *after, uint64_t until)
{
    const Op *op = op_of(section);
    const char *rule = rule_broken(op, section, after, is_cut(section));

    if (rule)
        wrong(volume, section, NULL, "%s ('%s' of a %s by slot %d)", rule, section->purpose,
              op_name(op->kind), section->slot);
    check_numbers(volume, section, &section->before, after);
    /* One that was cut off may have dropped the revision that was made last, of whose number
     * nothing else is noted. */
    if (is_cut(section) && strcmp(section->purpose, "delete") == 0)
        known[volume].highest = 0;
    check_edit(volume, section, after);
    check_guests(volume, section, after);
    check_given(volume, section, after);
    check_snapshot(volume, section, after, until);
    check_room(volume, section, after, until);
}

/* Nothing changes without the lock. */
static void
check_between(int volume, const Section *last, const Section *section)
{
    const Seen *before = last ? &last->after : &timeline_first[volume];
    unsigned diff = seen_diff(before, &section->before);

    if (last && last->released > section->taken)
        wrong(volume, section, NULL, "two have its lock at once");
    if (diff)
        wrong(volume, section, NULL, "it changed while nobody had its lock (%x)", diff);
}

static void
check_volume(int volume)
{
    const GPtrArray *all = timeline_of(volume);
    const Section *last = NULL;

    for (guint i = 0; i < all->len; i++) {
        const Section *section = g_ptr_array_index(all, i);
        if (last && is_cut(last))
            check_step(volume, last, &section->before, section->looked);
        else
            check_between(volume, last, section);
        check_dirty(volume, section, &section->before, section->taken, section->looked);
        if (is_cut(section)) {
            cut_sections++;
        } else {
            check_step(volume, section, &section->after, section->released);
            check_dirty(volume, section, &section->after, section->done, section->released);
        }
        check_link(volume, section, &section->before);
        if (!is_cut(section))
            check_link(volume, section, &section->after);
        checked_sections++;
        last = section;
    }
}

/* No two guests have one volume's image at once. */
static void
check_owners(void)
{
    for (guint i = 0; i < by_kind[OP_OPEN]->len; i++)
        for (guint j = 0; j < i; j++) {
            const Op *a = g_ptr_array_index(by_kind[OP_OPEN], i);
            const Op *b = g_ptr_array_index(by_kind[OP_OPEN], j);
            if (a->volume == b->volume && a->there && b->there && a->end && b->end &&
                a->end < b->closed && b->end < a->closed)
                wrong(a->volume, NULL, a, "two guests have its image at once");
        }
}

void
check_begin(void)
{
    for (int i = 0; i < VOLUMES; i++)
        see(i, &timeline_first[i]);
    check_edit_begin();
}

void
check_round(void)
{
    timeline_begin();
    collect_ops();
    for (int i = 0; i < VOLUMES; i++)
        check_volume(i);
    for (int i = 0; i < VOLUMES; i++)
        check_foreign_files(i);
    check_owners();
    check_results();
    for (int i = 0; i < OP_KINDS; i++)
        g_ptr_array_unref(by_kind[i]);
    timeline_end();
}
