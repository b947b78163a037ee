/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run-written.h"

#include <string.h>
#include <sys/stat.h>

#include "common/base/autofd.h"
#include "common/fs/changes.h"
#include "common/image/content.h"

static bool
is_one_of(const RlJournalEntry *entry, const char *const *events)
{
    return entry->event && g_strv_contains(events, entry->event);
}

void
rl_written_pass(RlWritten *written, const RlJournalEntry *entry)
{
    static const char *const makes[] = {"committed", "replaced", "uploaded", NULL};
    /* What lies before is of another name, another volume, or nobody's. */
    static const char *const begins[] = {"created", "adopted", "renamed", "deleted", NULL};

    if (entry->revision > 0 && is_one_of(entry, makes))
        written->after = entry->revision;
    written->ended = written->ended || is_one_of(entry, begins);
}

static int
open_state(const RlWritten *written, uint64_t number)
{
    g_autofree char *name = number > 0
                                ? g_strdup_printf("%s@%" G_GUINT64_FORMAT, written->volume, number)
                                : g_strdup(written->volume);

    return rl_content_open(written->pool, name, false, NULL);
}

/* An event that the journal has lost, an edit or a resize at rest: what was written later is of no
 * run that had ended by then. */
static bool
is_older(int fd, const RlJournalEntry *entry)
{
    struct stat st;

    return fstat(fd, &st) == 0 &&
           (gint64) st.st_mtim.tv_sec * G_USEC_PER_SEC + st.st_mtim.tv_nsec / 1000 <=
               entry->time_us;
}

static bool
compare(const RlWritten *written, const RlJournalEntry *entry, uint64_t *ret_bytes)
{
    rl_autofd int before = open_state(written, entry->revision);
    rl_autofd int after = before < 0 ? -1 : open_state(written, written->after);
    uint64_t bytes = 0;
    const RlChangesWish wish = {.by_extents = true, .range = rl_changes_add_up, .data = &bytes};
    bool by_bytes;

    if (after < 0 || !is_older(before, entry) || !is_older(after, entry) ||
        !rl_changes_find(before, after, &wish, &by_bytes, NULL))
        return false;
    *ret_bytes = bytes;
    return true;
}

bool
rl_written_get(RlWritten *written, const RlJournalEntry *entry, uint64_t *ret_bytes)
{
    bool known = !written->ended && g_strcmp0(entry->event, "committed") == 0 &&
                 entry->revision > 0 && (written->after == 0 || written->after > entry->revision) &&
                 compare(written, entry, ret_bytes);

    rl_written_pass(written, entry);
    return known;
}
