/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run-record.h"

#include <string.h>

#include "backend/launcher/note-names.h"
#include "calling-thread.h"
#include "common/base/boot.h"
#include "common/base/log.h"
#include "common/format/unmarked-run.h"
#include "note.h"

#define GROUP "run"
#define SIZE_MAX_NOTE 4096
/* Where the thread that announced it cannot be told. */
#define ANNOUNCEMENT_SECONDS 30

static const char *const endings[] = {
    [RL_END_STOPPED] = "stopped",   [RL_END_SAVED] = "saved",       [RL_END_FAILED] = "failed",
    [RL_END_ARRIVING] = "arriving", [RL_END_MIGRATED] = "migrated", [RL_END_UNKNOWN] = "unknown",
};

/* Each driver counts its domains for itself. */
static char *
file_of(const char *what, const RlDomainRef *owner)
{
    return g_strdup_printf("%s-%s-%s", what, owner->driver, owner->uuid);
}

static gint64
wall_clock_ms(void)
{
    return g_get_real_time() / 1000;
}

static bool
write_note(const char *what, const RlDomainRef *owner, GKeyFile *note, GError **error)
{
    g_autofree char *file = file_of(what, owner);
    g_autofree char *text = g_key_file_to_data(note, NULL, NULL);

    return rl_note_write(file, text, error);
}

static void
write_run(const RlDomainRef *owner, GKeyFile *note)
{
    g_autoptr(GError) error = NULL;

    if (!write_note(RL_NOTE_RUN, owner, note, &error))
        rl_log_warning("domain %s: cannot record the state of its run: %s", owner->name,
                       error->message);
}

/* What is noted in this boot of the host, owned by the caller; NULL where nothing is. */
static GKeyFile *
read_note(const char *what, const RlDomainRef *owner)
{
    g_autofree char *file = file_of(what, owner), *boot = rl_boot_id(NULL);
    g_autoptr(GKeyFile) note = g_key_file_new();
    size_t length;
    g_autofree char *text = rl_note_read(file, SIZE_MAX_NOTE, &length, NULL);

    if (!text || !boot || !g_key_file_load_from_data(note, text, length, G_KEY_FILE_NONE, NULL))
        return NULL;
    g_autofree char *noted = g_key_file_get_string(note, GROUP, "boot", NULL);
    return g_strcmp0(boot, noted) == 0 ? g_steal_pointer(&note) : NULL;
}

static void
remove_note(const char *what, const RlDomainRef *owner)
{
    g_autofree char *file = file_of(what, owner);

    rl_note_remove(file);
}

/* A note of this moment. */
static GKeyFile *
new_note(void)
{
    GKeyFile *note = g_key_file_new();
    g_autofree char *boot = rl_boot_id(NULL);

    g_key_file_set_string(note, GROUP, "boot", boot ? boot : "");
    g_key_file_set_int64(note, GROUP, "since", rl_boot_clock_us());
    g_key_file_set_int64(note, GROUP, "wall", wall_clock_ms());
    return note;
}

bool
rl_run_record_begin(const RlDomainRef *owner, bool arriving, GError **error)
{
    g_autoptr(GKeyFile) note = new_note();

    g_key_file_set_boolean(note, GROUP, "arriving", arriving);
    /* If the new one cannot be written the old one must not pass for it. */
    remove_note(RL_NOTE_RUN, owner);
    return write_note(RL_NOTE_RUN, owner, note, error);
}

static void
set_flag(const RlDomainRef *owner, const char *key, bool value)
{
    g_autoptr(GKeyFile) note = read_note(RL_NOTE_RUN, owner);

    if (!note)
        return;
    g_key_file_set_boolean(note, GROUP, key, value);
    write_run(owner, note);
}

void
rl_run_record_restored(const RlDomainRef *owner)
{
    set_flag(owner, "restored", true);
}

void
rl_run_record_incoming(const RlDomainRef *owner)
{
    set_flag(owner, "arriving", true);
    set_flag(owner, "incoming", true);
}

void
rl_run_record_arrived(const RlDomainRef *owner)
{
    set_flag(owner, "arriving", false);
}

/* Where there is no room for a new file the one of the run is written over. It gets the other name
 * by a rename: from one moment to the next, and without room for anything. */
static void
write_ending(const RlDomainRef *owner, GKeyFile *note, RlEndReason ending)
{
    g_autofree char *run = file_of(RL_NOTE_RUN, owner);
    g_autofree char *unmarked = file_of(RL_NOTE_UNMARKED, owner);
    g_autofree char *text = g_key_file_to_data(note, NULL, NULL);
    g_autoptr(GError) error = NULL;
    bool to_be_marked = ending == RL_END_SAVED || ending == RL_END_UNKNOWN;

    if ((rl_note_write(run, text, NULL) || rl_note_write_over(run, text, &error)) &&
        (!to_be_marked || rl_note_rename(run, unmarked, &error)))
        return;
    rl_log_warning("domain %s: cannot record how its run ended: %s", owner->name, error->message);
}

void
rl_run_record_end(const RlDomainRef *owner, RlVerdict verdict)
{
    g_autoptr(GKeyFile) note = read_note(RL_NOTE_RUN, owner);

    /* A run that an older version of this program began has none. */
    if (!note) {
        note = new_note();
        g_key_file_set_int64(note, GROUP, "wall", 0);
    }
    g_key_file_set_string(note, GROUP, "ending", endings[verdict.ending]);
    g_key_file_set_boolean(note, GROUP, "alone", verdict.alone);
    g_key_file_set_int64(note, GROUP, RL_UNMARKED_UNTIL, rl_boot_clock_us());
    write_ending(owner, note, verdict.ending);
}

/* A word that is not known is none. */
static void
read_ending(GKeyFile *note, RlRunRecord *ret_note)
{
    g_autofree char *word = g_key_file_get_string(note, GROUP, "ending", NULL);

    for (size_t i = 0; word && i < G_N_ELEMENTS(endings); i++)
        if (strcmp(word, endings[i]) == 0) {
            ret_note->ended = true;
            ret_note->verdict.ending = (RlEndReason) i;
        }
    ret_note->verdict.alone = g_key_file_get_boolean(note, GROUP, "alone", NULL);
}

bool
rl_run_record_read(const RlDomainRef *owner, RlRunRecord *ret_note)
{
    g_autoptr(GKeyFile) note = read_note(RL_NOTE_RUN, owner);

    if (!note)
        note = read_note(RL_NOTE_UNMARKED, owner);
    *ret_note = (RlRunRecord){.verdict = {.ending = RL_END_UNKNOWN}};
    if (!note)
        return false;
    gint64 wall_ms = g_key_file_get_int64(note, GROUP, "wall", NULL);
    gint64 age_ms = (rl_boot_clock_us() - g_key_file_get_int64(note, GROUP, "since", NULL)) / 1000;
    ret_note->began_ms = wall_ms > 0 ? MAX(wall_ms, wall_clock_ms() - age_ms) : 0;
    ret_note->arriving = g_key_file_get_boolean(note, GROUP, "arriving", NULL);
    ret_note->restored = g_key_file_get_boolean(note, GROUP, "restored", NULL);
    ret_note->incoming = g_key_file_get_boolean(note, GROUP, "incoming", NULL);
    read_ending(note, ret_note);
    return true;
}

bool
rl_run_record_is_unmarked(const RlDomainRef *owner)
{
    g_autofree char *file = file_of(RL_NOTE_UNMARKED, owner);

    return rl_note_is_there(file);
}

void
rl_run_record_leave(const RlDomainRef *owner, bool saved)
{
    g_autofree char *run = file_of(RL_NOTE_RUN, owner);

    /* Else `stopped` has noted it. */
    if (rl_note_is_there(run) || !rl_run_record_is_unmarked(owner))
        rl_run_record_end(owner, (RlVerdict){.ending = saved ? RL_END_SAVED : RL_END_UNKNOWN});
    remove_note(RL_NOTE_RUN, owner);
}

void
rl_run_record_marked(const RlDomainRef *owner)
{
    remove_note(RL_NOTE_UNMARKED, owner);
}

void
rl_run_record_refused(const RlDomainRef *owner)
{
    remove_note(RL_NOTE_RUN, owner);
}

void
rl_run_record_forget(const RlDomainRef *owner)
{
    remove_note(RL_NOTE_RUN, owner);
    remove_note(RL_NOTE_UNMARKED, owner);
}

bool
rl_run_record_announce_arrival(const RlDomainRef *owner, GError **error)
{
    g_autoptr(GKeyFile) note = new_note();
    g_autofree char *thread = rl_calling_thread_find();

    if (thread)
        g_key_file_set_string(note, GROUP, "thread", thread);
    return write_note(RL_NOTE_ARRIVING, owner, note, error);
}

bool
rl_run_record_take_announcement(const RlDomainRef *owner)
{
    g_autoptr(GKeyFile) note = read_note(RL_NOTE_ARRIVING, owner);

    if (!note)
        return false;
    g_autofree char *thread = g_key_file_get_string(note, GROUP, "thread", NULL);
    RlThreadMatch match = rl_calling_thread_match(thread);
    if (match == RL_THREAD_OTHER)
        return false;
    remove_note(RL_NOTE_ARRIVING, owner);
    g_autofree char *boot = g_key_file_get_string(note, GROUP, "boot", NULL);
    return match == RL_THREAD_SAME ||
           rl_boot_was_within(ANNOUNCEMENT_SECONDS, boot,
                              g_key_file_get_int64(note, GROUP, "since", NULL));
}
