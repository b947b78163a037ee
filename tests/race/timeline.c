/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "timeline.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

Seen timeline_first[VOLUMES];
static GPtrArray *sections[VOLUMES];

GPtrArray *
timeline_of(int volume)
{
    return sections[volume];
}

Op *
op_of(const Section *section)
{
    return &shared->slots[section->slot].ops[section->op];
}

bool
is_cut(const Section *section)
{
    return section->released == 0;
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    uint64_t left = (*(Section *const *) a)->taken, right = (*(Section *const *) b)->taken;

    return left < right ? -1 : left > right;
}

void
timeline_begin(void)
{
    for (int i = 0; i < VOLUMES; i++)
        sections[i] = g_ptr_array_new();
    for (int i = 0; i < SLOTS; i++)
        for (int j = 0; j < shared->slots[i].n_sections; j++) {
            Section *section = &shared->slots[i].sections[j];
            g_ptr_array_add(sections[section->volume], section);
        }
    for (int i = 0; i < VOLUMES; i++)
        g_ptr_array_sort(sections[i], compare);
}

void
timeline_end(void)
{
    for (int i = 0; i < VOLUMES; i++) {
        if (sections[i]->len > 0) {
            const Section *last = g_ptr_array_index(sections[i], sections[i]->len - 1);
            timeline_first[i] = last->after; /* of the quiet moment: never cut off */
        }
        g_ptr_array_unref(sections[i]);
    }
}

/* Calls @test for all states in that time until it says @wanted. */
static bool
look_for(int volume, uint64_t from, uint64_t to, SeenTest test, const void *data, bool wanted)
{
    const GPtrArray *all = sections[volume];
    guint i = 0;

    while (i < all->len && ((Section *) g_ptr_array_index(all, i))->taken < from)
        i++;
    if (i == 0 && test(&timeline_first[volume], data) == wanted)
        return true;
    /* The one that had the lock when it began, or had it last. */
    for (i = i > 0 ? i - 1 : 0; i < all->len; i++) {
        const Section *section = g_ptr_array_index(all, i);
        const Section *next = i + 1 < all->len ? g_ptr_array_index(all, i + 1) : NULL;
        if (section->taken > to)
            break;
        if ((is_cut(section) || section->released >= from) &&
            test(&section->before, data) == wanted)
            return true;
        if (!is_cut(section) && section->done <= to && test(&section->after, data) == wanted)
            return true;
        if (!is_cut(section) && section->done > to && test(&section->after, data) == wanted)
            return true;
        if (is_cut(section) && next && test(&next->before, data) == wanted)
            return true;
    }
    return false;
}

bool
timeline_some(int volume, uint64_t from, uint64_t to, SeenTest test, const void *data)
{
    return look_for(volume, from, to, test, data, true);
}

bool
timeline_all(int volume, uint64_t from, uint64_t to, SeenTest test, const void *data)
{
    return !look_for(volume, from, to, test, data, false);
}

static void
print_seen(const char *what, const Seen *seen)
{
    fprintf(stderr, "    %s: clean ", what);
    if (seen->clean.there)
        fprintf(stderr, "%lu/%lu/%ld", seen->clean.content, (unsigned long) seen->clean.ino,
                (long) seen->clean.size);
    fprintf(stderr, " dirty ");
    if (seen->dirty.there)
        fprintf(stderr, "%lu/%lu/%ld owner %d hold %d%s", seen->dirty.content,
                (unsigned long) seen->dirty.ino, (long) seen->dirty.size, seen->owner,
                (int) seen->hold, seen->fresh ? " fresh" : "");
    if (seen->precache.there)
        fprintf(stderr, " precache %lu/%lu", seen->precache.content,
                (unsigned long) seen->precache.ino);
    if (seen->record)
        fprintf(stderr, " record %ld", (long) seen->capacity);
    fprintf(stderr, "%s revisions", seen->temps ? " temps" : "");
    for (int i = 0; i < seen->n_revisions; i++)
        fprintf(stderr, " %s%lu=%lu/%lu", seen->revisions[i].label ? "label-" : "",
                seen->revisions[i].label ? (uint64_t) seen->revisions[i].label
                                         : seen->revisions[i].number,
                seen->revisions[i].content, (unsigned long) seen->revisions[i].ino);
    fprintf(stderr, "\n");
}

static void
print_op(const Op *op)
{
    fprintf(stderr, "  [%lu %lu] slot %d %s %s owner %d tag %lu: %s%s%s%s", op->begin, op->end,
            op->slot, op_name(op->kind), volume_names[op->volume], op->owner, op->tag,
            op->end == 0 ? "cut off"
            : op->done   ? "done"
                         : "failed",
            op->message[0] ? ", " : "", op->message, op->made ? "" : "\n");
    if (op->made)
        fprintf(stderr, ", content %lu\n", op->content);
}

static void
print_section(const Section *section)
{
    print_op(op_of(section));
    fprintf(stderr, "   [%lu %lu] '%s'%s\n", section->taken, section->released, section->purpose,
            is_cut(section) ? ", cut off" : "");
    print_seen("before", &section->before);
    if (!is_cut(section))
        print_seen("after ", &section->after);
}

void
wrong(int volume, const Section *section, const Op *op, const char *format, ...)
{
    const GPtrArray *all = sections[volume];
    uint64_t from = section ? section->taken : op->begin, to = section ? section->taken : op->end;
    va_list args;
    guint i = 0;

    va_start(args, format);
    fprintf(stderr, "FAILED: %s: ", volume_names[volume]);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    if (op)
        print_op(op);
    while (i < all->len && ((Section *) g_ptr_array_index(all, i))->taken < from)
        i++;
    fprintf(stderr, "What was done with the volume's lock about then:\n");
    guint shown = getenv("RACE_SHOW") ? (guint) atoi(getenv("RACE_SHOW")) : 5;
    for (i = i > shown ? i - shown : 0; i < all->len; i++) {
        const Section *one = g_ptr_array_index(all, i);
        print_section(one);
        if (one->taken > to)
            break;
    }
    exit(1);
}
