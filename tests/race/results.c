/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is what an operation answered true of what it did, and of what there was in its time? */
#include "check.h"
#include "timeline.h"

#include "common/pool/volume-state.h"

#include <string.h>

uint64_t counted[OP_KINDS][3];

#define E(code) (1U << RL_ERROR_##code)

/* What each may fail with. */
static const unsigned allowed[OP_KINDS] = {
    [OP_CREATE] = E(EXISTS) | E(STATE) | E(BUSY) | E(NAME),
    [OP_CLONE] = E(EXISTS) | E(BUSY) | E(NOT_FOUND) | E(STATE) | E(UNSUPPORTED) | E(NAME),
    [OP_LABEL] = E(EXISTS) | E(NOT_FOUND) | E(STATE) | E(UNSUPPORTED) | E(BUSY),
    [OP_REVERT] = E(NOT_FOUND) | E(STATE) | E(UNSUPPORTED) | E(BUSY),
    [OP_UPLOAD] = E(NOT_FOUND) | E(STATE) | E(UNSUPPORTED) | E(BUSY),
    [OP_START] = E(NOT_FOUND) | E(BUSY) | E(STATE),
    [OP_RESTORE] = E(NOT_FOUND) | E(BUSY) | E(STATE),
    [OP_ARRIVE] = E(NOT_FOUND) | E(BUSY) | E(STATE),
    [OP_ARRIVED] = E(NOT_FOUND),
    [OP_REFUTE] = E(NOT_FOUND) | E(STATE),
    [OP_DROP_ARRIVAL] = E(NOT_FOUND) | E(BUSY),
    [OP_PASS_ON] = E(NOT_FOUND),
    [OP_END_LATE] = E(NOT_FOUND) | E(BUSY) | E(STATE),
    [OP_STOP] = E(NOT_FOUND) | E(BUSY) | E(STATE),
    [OP_UNSTART] = E(NOT_FOUND),
    [OP_SAVE] = E(NOT_FOUND) | E(BUSY),
    [OP_KEEP] = E(NOT_FOUND) | E(BUSY),
    [OP_CONFIRM] = E(NOT_FOUND),
    [OP_CONTINUE] = E(NOT_FOUND) | E(STATE),
    [OP_DISCARD] = E(NOT_FOUND) | E(STATE),
    [OP_RESIZE] = E(NOT_FOUND) | E(STATE) | E(UNSUPPORTED) | E(BUSY) | E(INVALID),
    [OP_DELETE] = E(NOT_FOUND) | E(STATE) | E(BUSY),
    [OP_DELETE_REVISION] = E(NOT_FOUND) | E(BUSY),
    [OP_STATE] = E(NOT_FOUND),
    [OP_READ] = E(NOT_FOUND) | E(STATE) | E(UNSUPPORTED) | E(BUSY),
};

static bool
is_there(const Seen *seen, const void *data)
{
    return seen_exists(seen, *(const int *) data);
}

static bool
has_labels(const Seen *seen, const void *data)
{
    (void) data;
    return seen_labels(seen) > 0;
}

static bool
is_dirty(const Seen *seen, const void *data)
{
    (void) data;
    return seen->dirty.there;
}

static bool
has_no_clean(const Seen *seen, const void *data)
{
    (void) data;
    return !seen->clean.there;
}

/* What @data, a Source, names is there with the content that was found. */
static bool
has_source(const Seen *seen, const void *data)
{
    const Source *source = data;

    if (!source->number && !source->label)
        return (seen->clean.there && seen->clean.content == source->content) ||
               (source->live && seen->dirty.there && seen->dirty.content == source->content);
    for (int i = 0; i < seen->n_revisions; i++)
        if (seen->revisions[i].number == source->number &&
            seen->revisions[i].label == source->label)
            return seen->revisions[i].content == source->content || !source->opened;
    return false;
}

/* The revision that @data, an operation, is for. */
static bool
has_revision(const Seen *seen, const void *data)
{
    const Op *op = data;
    Source source = {.number = op->number ? op->number : (op->label ? 0 : 1), .label = op->label};

    return has_source(seen, &source);
}

/* Somebody else changed the volume meanwhile, or one that its directory is shared with. */
static bool
was_changed(int volume, const Op *op)
{
    const GPtrArray *all = timeline_of(volume);

    for (guint i = 0; i < all->len; i++) {
        const Section *section = g_ptr_array_index(all, i);
        if (section->taken > op->end)
            break;
        if (op_of(section) != op &&
            (is_cut(section) ||
             (section->released > op->begin && seen_diff(&section->before, &section->after) != 0)))
            return true;
    }
    return false;
}

/* One of its images is another one since somebody else's operation meanwhile. */
static bool
was_replaced(const Op *op)
{
    const GPtrArray *all = timeline_of(op->volume);

    for (guint i = 0; i < all->len; i++) {
        const Section *section = g_ptr_array_index(all, i);
        if (section->taken > op->end)
            break;
        if (op_of(section) != op &&
            (is_cut(section) ||
             (section->released > op->begin &&
              (seen_diff(&section->before, &section->after) & (D_CLEAN | D_DIRTY)))))
            return true;
    }
    return false;
}

/* The test gave its clean image the date of an old one, as an edit in place gives it another. */
static bool
was_dated(const Op *op)
{
    for (guint i = 0; i < ops_of(OP_AGE)->len; i++) {
        const Op *age = g_ptr_array_index(ops_of(OP_AGE), i);
        if (age->volume == op->volume && age->begin < op->end &&
            (age->end == 0 || age->end > op->begin))
            return true;
    }
    return false;
}

static bool
was_deleted(const Op *op)
{
    int volume = op->volume;

    for (guint i = 0; i < ops_of(OP_DELETE)->len; i++) {
        const Op *other = g_ptr_array_index(ops_of(OP_DELETE), i);
        if (other->begin < op->end && (other->end == 0 || other->end > op->begin))
            return true;
    }
    return !timeline_all(volume, op->begin, op->end, is_there, &volume);
}

static bool
source_was_missing(const Op *op)
{
    const Source *source = &op->source;
    int from = source->volume - 1;

    if (!source->volume)
        return false;
    if (source->number || source->label)
        return !timeline_all(from, source->from, source->to, has_source, source);
    return !timeline_all(from, source->from, source->to, is_there, &from);
}

static bool
is_start(const Op *op)
{
    return op->kind == OP_START || op->kind == OP_RESTORE || op->kind == OP_ARRIVE;
}

static bool
was_missing(const Op *op)
{
    static const int source = SNAPSHOT_SOURCE;
    int volume = op->volume;

    if (op->kind == OP_DELETE_REVISION)
        return !timeline_all(volume, op->begin, op->end, has_revision, op);
    if (op->kind == OP_CONTINUE || op->kind == OP_DISCARD)
        return !timeline_all(volume, op->begin, op->end, is_dirty, NULL);
    if (op->kind == OP_READ || op->kind == OP_CLONE)
        return source_was_missing(op);
    return !timeline_all(volume, op->begin, op->end, is_there, &volume) || source_was_missing(op) ||
           (is_start(op) && volume_kinds[volume] == RL_KIND_SNAPSHOT &&
            !timeline_all(source, op->begin, op->end, is_there, &source));
}

/* When @open had the image surely no longer: whoever was killed does nothing more, and the next of
 * its place begins after its end. */
static uint64_t
end_of_open(const Op *open)
{
    const Slot *slot = &shared->slots[open->slot];
    const Op *next = open + 1;

    if (open->end)
        return open->end;
    return next < &slot->ops[slot->n_ops] ? next->begin : UINT64_MAX;
}

/* Somebody was about to open an image of the volume for writing, or edits it at rest. A guest's is
 * at rest by then if its run ended between the look at its name and the opening, or between that
 * and the look at what was opened: it is not taken away later. */
static bool
was_opened(int volume, uint64_t from, uint64_t to)
{
    if (was_edited(volume, from, to))
        return true;
    for (guint i = 0; i < ops_of(OP_OPEN)->len; i++) {
        const Op *open = g_ptr_array_index(ops_of(OP_OPEN), i);
        if (open->volume == volume && open->begin < to && end_of_open(open) > from)
            return true;
    }
    return false;
}

/* Somebody may have had its clean image open, or that of what it is made from. */
static bool
was_busy(const Op *op)
{
    int from = op->source.volume - 1;

    return was_opened(op->volume, op->begin, op->end) ||
           (from >= 0 && was_opened(from, op->begin, op->end)) ||
           (volume_kinds[op->volume] == RL_KIND_SNAPSHOT &&
            was_opened(SNAPSHOT_SOURCE, op->begin, op->end));
}

/* A process may have had one of its revisions open to read it, whatever it did: that forbids to
 * delete them. */
static bool
was_beside_others(const Op *op)
{
    for (int kind = 0; kind < OP_KINDS; kind++)
        for (guint i = 0; i < ops_of(kind)->len; i++) {
            const Op *other = g_ptr_array_index(ops_of(kind), i);
            if (other != op && other->begin < op->end &&
                (other->end == 0 || other->end > op->begin))
                return true;
        }
    return false;
}

/* Other operations are refused as busy also for a run, or for what changes too often. */
static bool
only_waits_for_writers(OpKind kind)
{
    return kind == OP_LABEL || kind == OP_REVERT || kind == OP_UPLOAD || kind == OP_READ;
}

static bool
is_larger(const Seen *seen, const void *data)
{
    return seen->clean.there && seen->clean.size > *(const off_t *) data;
}

static bool
is_kind(int volume, RlKind kind)
{
    return volume_kinds[volume] == kind;
}

/* Was there anything in that time for which the operation may have been refused so? */
static bool
has_reason(const Op *op)
{
    int volume = op->volume, from = op->source.volume - 1;

    switch ((RlErrorCode) op->code) {
    case RL_ERROR_NAME:
        return was_foreign(volume, op->begin, op->end);
    case RL_ERROR_EXISTS:
        if (op->kind == OP_LABEL)
            return timeline_some(volume, op->begin, op->end, has_labels, NULL);
        return timeline_some(volume, op->begin, op->end, is_there, &volume) ||
               timeline_some(volume, op->begin, op->end, has_labels, NULL);
    case RL_ERROR_NOT_FOUND:
        return was_missing(op);
    case RL_ERROR_UNSUPPORTED:
        return is_kind(volume, RL_KIND_SNAPSHOT) || is_kind(volume, RL_KIND_VOLATILE) ||
               (from >= 0 && (is_kind(from, RL_KIND_SNAPSHOT) || is_kind(from, RL_KIND_VOLATILE)));
    case RL_ERROR_INVALID:
        return is_kind(volume, RL_KIND_SNAPSHOT) &&
               timeline_some(SNAPSHOT_SOURCE, op->begin, op->end, is_larger, &op->size);
    case RL_ERROR_BUSY:
        if (op->kind == OP_LABEL && was_replaced(op))
            return true;
        if (op->kind == OP_DELETE || op->kind == OP_DELETE_REVISION)
            return was_busy(op) || was_beside_others(op);
        /* Where blocks do not tell, another date is an edit. */
        if (was_busy(op) || was_dated(op) || only_waits_for_writers(op->kind))
            return was_busy(op) || was_dated(op);
        G_GNUC_FALLTHROUGH;
    case RL_ERROR_STATE:
        /* Nobody puts a clean image under a run, or takes it away. */
        if (op->kind == OP_STOP && op->owner && op->code == RL_ERROR_STATE)
            return false;
        return timeline_some(volume, op->begin, op->end, is_dirty, NULL) ||
               was_changed(volume, op) || was_deleted(op) || op->kind == OP_RESTORE ||
               ((op->kind == OP_REVERT || op->kind == OP_UPLOAD) && was_dated(op)) ||
               (op->kind == OP_DELETE &&
                timeline_some(volume, op->begin, op->end, has_labels, NULL)) ||
               (from >= 0 && timeline_some(from, op->begin, op->end, has_no_clean, NULL)) ||
               (is_kind(volume, RL_KIND_SNAPSHOT) &&
                timeline_some(SNAPSHOT_SOURCE, op->begin, op->end, has_no_clean, NULL));
    default:
        return false;
    }
}

/* @sections of @op changed nothing, but for what a refused operation may. */
static void
check_refused(const Op *op, const Section *sections, int n)
{
    const Section *first = NULL, *last = NULL;

    if (op->is_errno || (op->code == 0 && !op->message[0] && op->kind != OP_UPLOAD))
        wrong(op->volume, NULL, op, "an error that is none of the documented ones");
    if (op->message[0] && !(allowed[op->kind] & (1U << op->code)))
        wrong(op->volume, NULL, op, "not an error of a %s", op_name(op->kind));
    if (op->message[0] && !has_reason(op))
        wrong(op->volume, NULL, op, "refused for no reason");
    for (int i = 0; i < n; i++) {
        const Section *section = &sections[i];
        unsigned diff = seen_diff(&section->before, &section->after);
        if (!diff || strcmp(section->purpose, "unshare") == 0)
            continue;
        /* The state before an edit was kept, whatever comes then. */
        if (strcmp(section->purpose, "keep the state before an edit") == 0 ||
            (strcmp(section->purpose, "prune") == 0 &&
             (op->kind == OP_START || op->kind == OP_ARRIVE || op->kind == OP_RESTORE)))
            continue;
        /* What is not its own: the end of a run that had waited. */
        if (strcmp(section->purpose, "stop") == 0 && section->before.ended)
            continue;
        /* A start that was to drop what a snapshot's or volatile volume's last run left. */
        if (strcmp(section->purpose, "start") == 0 && section->before.dirty.there &&
            !section->after.dirty.there)
            continue;
        /* A save marks an image that is still open, and says that it is. */
        if (op->kind == OP_SAVE && op->code == RL_ERROR_BUSY &&
            section->after.hold == RL_MARK_SAVED)
            continue;
        /* A program opened the image by the volume's path while it was ended. */
        if (op->kind == OP_STOP && op->code == RL_ERROR_BUSY && diff == D_HOLD)
            continue;
        if (op->kind != OP_REVERT)
            wrong(op->volume, section, op, "a refused %s changed something", op_name(op->kind));
        first = first ? first : section;
        last = section;
    }
    /* The second name of the clean image, given and taken away; somebody else may have come in
     * between, and found it. */
    if (first && strcmp(last->purpose, "undo a replacement") != 0 && !was_changed(op->volume, op))
        wrong(op->volume, first, op, "a refused replacement has left a revision");
}

static bool
stop_is_true(const Op *op, const Section *section)
{
    const Seen *before = &section->before, *after = &section->after;
    unsigned diff = seen_diff(before, after);

    switch (op->stop) {
    case RL_STOP_NOTHING:
        return !diff && !before->dirty.there;
    case RL_STOP_NOT_OWNED:
        return !diff && before->owner != op->owner;
    case RL_STOP_HELD:
        return !diff && (before->hold == RL_MARK_SAVED || before->hold == RL_MARK_SUSPECT ||
                         before->arriving);
    case RL_STOP_COMMITTED:
        return !after->dirty.there && after->clean.ino == before->dirty.ino &&
               seen_kind(before, op->volume) == RL_KIND_PERSISTENT;
    case RL_STOP_UNWRITTEN:
        return !after->dirty.there && !(diff & D_CLEAN);
    case RL_STOP_DROPPED:
        return before->dirty.there && !after->dirty.there &&
               seen_kind(before, op->volume) != RL_KIND_PERSISTENT;
    case RL_STOP_RETURNED:
        return !after->dirty.there && seen_kind(before, op->volume) == RL_KIND_DIRECT;
    }
    return false;
}

static bool
is_made_for_migration(const Op *op, const Seen *seen)
{
    return seen->dirty.there && seen->owner == op->owner && seen->arriving && !seen->continued &&
           seen->hold == RL_MARK_NONE && seen_kind(seen, op->volume) != RL_KIND_DIRECT &&
           (seen->clean.there || seen_kind(seen, op->volume) != RL_KIND_PERSISTENT);
}

static bool
waits_for_end(const Seen *seen, const void *data)
{
    (void) data;
    return seen->dirty.there && seen->ended && !seen->arriving && seen->hold != RL_MARK_SAVED &&
           seen->hold != RL_MARK_SUSPECT;
}

/* What the operation says it did is what it did with the lock; @changed of its sections. */
static void
check_deed(const Op *op, const Section *last, int changed)
{
    static const OpKind changing[] = {OP_CREATE, OP_CLONE,  OP_LABEL,           OP_REVERT,
                                      OP_UPLOAD, OP_DELETE, OP_DELETE_REVISION, OP_DISCARD};

    for (size_t i = 0; i < G_N_ELEMENTS(changing); i++)
        if (op->kind == changing[i] && !changed)
            wrong(op->volume, NULL, op, "nothing came of it");
    if (op->kind == OP_STOP && (!last || !stop_is_true(op, last)))
        wrong(op->volume, last, op, "the stop did not do what it says (%d)", (int) op->stop);
    if (op->kind == OP_SAVE && op->there && last->after.hold != RL_MARK_SAVED)
        wrong(op->volume, last, op, "it was saved, and is not marked so");
    if (op->kind == OP_KEEP && op->there && !rl_mark_is_kept(last->after.hold))
        wrong(op->volume, last, op, "it was kept, and is not marked so");
    if ((op->kind == OP_CLAIM || op->kind == OP_PASS_ON) &&
        (op->there ? last->after.owner != op->owner : changed))
        wrong(op->volume, last, op, "it was given to a domain, and is not its own");
    if (op->kind == OP_DROP_ARRIVAL && last && is_made_for_migration(op, &last->after))
        wrong(op->volume, last, op, "what was made for a migration is left");
    if (op->kind == OP_END_LATE &&
        timeline_all(op->volume, op->begin, op->end, waits_for_end, NULL))
        wrong(op->volume, last, op, "a run that has ended still waits");
    if ((op->kind == OP_REVERT || op->kind == OP_UPLOAD) &&
        last->after.clean.content != op->content)
        wrong(op->volume, last, op, "its content was replaced by something else");
}

/* A clean image that is replaced, and pruned at once, has the name of a revision for a moment. */
static bool
was_linked(int volume, const Source *source)
{
    const GPtrArray *all = timeline_of(volume);

    for (guint i = 0; i < all->len; i++) {
        const Section *section = g_ptr_array_index(all, i);
        if (section->taken < source->to && (is_cut(section) || section->released > source->from) &&
            strcmp(section->purpose, "replace") == 0 &&
            section->before.clean.content == source->content)
            return true;
    }
    return false;
}

/* What was read, or cloned, was there. Of an image that a guest writes to that is any of its
 * writes that was not yet followed by another one. */
static void
check_source(const Op *op)
{
    const Source *source = &op->source;
    int from = source->volume - 1;

    if (!source->opened || (source->live && !op->made))
        return;
    if (timeline_some(from, source->from, source->to, has_source, source))
        return;
    if (source->number && was_linked(from, source))
        return;
    for (guint i = 0; source->live && i < ops_of(OP_WRITE)->len; i++) {
        const Op *write = g_ptr_array_index(ops_of(OP_WRITE), i);
        bool outdated = false;
        if (write->volume != from || write->content != source->content || write->begin > source->to)
            continue;
        for (guint j = 0; j < ops_of(OP_WRITE)->len; j++) {
            const Op *later = g_ptr_array_index(ops_of(OP_WRITE), j);
            outdated =
                outdated || (later->volume == from && later->ino == write->ino && write->end &&
                             later->begin > write->end && later->end && later->end < source->from);
        }
        if (!outdated)
            return;
    }
    wrong(from, NULL, op, "content %lu was read, and was not there", source->content);
}

static bool
lists_number(const Op *op, uint64_t number)
{
    for (int i = 0; i < op->n_numbers; i++)
        if (op->numbers[i] == number)
            return true;
    return false;
}

static bool
has_number(const Seen *seen, const void *data)
{
    Source source = {.number = *(const uint64_t *) data};

    return has_source(seen, &source);
}

/* A list shows what was there all the time, and nothing that never was. While a directory is read,
 * btrfs may pass over an image that is renamed over another one: the old entry is gone before it is
 * come to, and the new one lies behind what was the end. */
static void
check_list(const Op *op)
{
    int volume = op->volume;

    if (!op->there && !was_changed(volume, op) &&
        timeline_all(volume, op->begin, op->end, is_there, &volume))
        wrong(volume, NULL, op, "it was not listed, and was there");
    if (op->there && !timeline_some(volume, op->begin, op->end, is_there, &volume))
        wrong(volume, NULL, op, "it was listed, and was not there");
    for (int i = 0; i < op->n_numbers; i++)
        if (!timeline_some(volume, op->begin, op->end, has_number, &op->numbers[i]) &&
            (volume_keep[volume] > 0 || !was_changed(volume, op)))
            wrong(volume, NULL, op, "revision %lu was listed, and was not there", op->numbers[i]);
    for (uint64_t number = 1; number <= seen_highest(&timeline_first[volume]); number++)
        if (!lists_number(op, number) &&
            timeline_all(volume, op->begin, op->end, has_number, &number))
            wrong(volume, NULL, op, "revision %lu was not listed, and was there", number);
}

static void
check_state(const Op *op)
{
    bool stopped = op->state == RL_STATE_STOPPED;

    /* A start may drop an image and make another one. */
    if (stopped && was_changed(op->volume, op))
        return;
    if (stopped ? timeline_all(op->volume, op->begin, op->end, is_dirty, NULL)
                : !timeline_some(op->volume, op->begin, op->end, is_dirty, NULL))
        wrong(op->volume, NULL, op, "its state was '%s', and was not",
              rl_state_to_string((RlState) op->state));
}

/* The lock that a start takes last is for the path: it may have been given to another domain by
 * then. */
static void
check_started(const Op *op, const Section *sections, int n)
{
    for (int i = 0; i < n; i++)
        if (sections[i].volume == op->volume && sections[i].after.dirty.there &&
            sections[i].after.owner == op->owner)
            return;
    wrong(op->volume, n ? &sections[n - 1] : NULL, op, "it was started, and is not its owner's");
}

/* @sections are the @n that @op had locks in. */
static void
check_op(const Op *op, const Section *sections, int n)
{
    int changed = 0;

    if (op->end == 0) {
        counted[op->kind][2]++;
        return;
    }
    counted[op->kind][op->done]++;
    check_source(op);
    if (!op->done) {
        check_refused(op, sections, n);
        return;
    }
    if (n && (op->kind == OP_START || op->kind == OP_ARRIVE || op->kind == OP_RESTORE) &&
        sections[n - 1].after.link != link_wanted(&sections[n - 1].after, op->volume) &&
        !was_foreign(op->volume, sections[n - 1].taken, sections[n - 1].released))
        wrong(op->volume, &sections[n - 1], op, "its path is another one after a start");
    for (int i = 0; i < n; i++)
        changed += seen_diff(&sections[i].before, &sections[i].after) != 0;
    if (is_start(op))
        check_started(op, sections, n);
    check_deed(op, n ? &sections[n - 1] : NULL, changed);
    if (op->kind == OP_LIST)
        check_list(op);
    if (op->kind == OP_STATE)
        check_state(op);
}

void
check_results(void)
{
    for (int i = 0; i < SLOTS; i++) {
        const Slot *slot = &shared->slots[i];
        int at = 0;
        for (int j = 0; j < slot->n_ops; j++) {
            int first = at;
            while (at < slot->n_sections && slot->sections[at].op == j)
                at++;
            check_op(&slot->ops[j], &slot->sections[first], at - first);
        }
    }
}
