/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "end-reason.h"

#include <glib.h>
#include <string.h>

#include "calling-daemon.h"
#include "common/base/error.h"
#include "common/base/random.h"
#include "daemon-version.h"
#include "last-save.h"
#include "managed-save.h"
#include "owner.h"
#include "qemu-log.h"
#include "restore-note.h"
#include "run-record.h"
#include "save-file.h"
#include "status-and-log.h"

#define SAVE_ID_DIGITS 32

/* A daemon that is killed while it destroys a domain that it has saved leaves the end to the next
 * one, which has no file open (libxlReconnectDomain()). A file that is not whole is no reason to
 * give the disks away either. */
static RlEndReason
find_libxl_managed(const RlDomain *domain, char **ret_file)
{
    RlDomainRef owner = rl_domain_ref_of(domain);
    RlRunRecord note = {0};

    rl_run_record_read(&owner, &note);
    g_autofree char *file = rl_managed_save_since(RL_LIBXL_SAVE_DIR, domain->name, note.began_ms);
    g_autoptr(RlMemory) memory =
        file ? rl_save_file_read(file, RL_SAVE_FILE_LIBXL, domain->uuid) : NULL;

    if (!memory)
        return RL_END_STOPPED;
    *ret_file = g_steal_pointer(&file);
    return RL_END_SAVED;
}

static RlEndReason
find_libxl(const RlDomain *domain, char **ret_file)
{
    g_autoptr(RlMemory) memory = NULL;

    switch (rl_save_file_find(RL_SAVE_FILE_LIBXL, domain->uuid, &memory)) {
    case RL_SAVE_FILE_WRITTEN:
        /* A file of the user's choice may be moved, and is no less there. */
        if (rl_save_file_is_managed(memory->file))
            *ret_file = g_steal_pointer(&memory->file);
        return RL_END_SAVED;
    case RL_SAVE_FILE_READ:
        return RL_END_FAILED; /* a restore that got as far as to start the volumes */
    case RL_SAVE_FILE_DOUBT:
    case RL_SAVE_FILE_UNKNOWN:
        return RL_END_UNKNOWN;
    case RL_SAVE_FILE_NONE:
        break;
    }
    return find_libxl_managed(domain, ret_file);
}

/* The managed save file that this run has written; NULL where there is none. */
static char *
find_managed_save(const RlDomain *domain, gint64 began_ms)
{
    g_autofree char *file = rl_managed_save_since(RL_QEMU_SAVE_DIR, domain->name, began_ms);
    /* One that is not whole has another mark at its beginning. */
    g_autoptr(RlMemory) memory =
        file ? rl_save_file_read(file, RL_SAVE_FILE_QEMU, domain->uuid) : NULL;

    return memory ? g_steal_pointer(&file) : NULL;
}

static RlEndReason
find_qemu(const RlDomain *domain, char **ret_file)
{
    RlDomainRef owner = rl_domain_ref_of(domain);
    RlLogEnding log = RL_LOG_NOTHING;
    RlRunRecord note;

    rl_run_record_read(&owner, &note);
    /* Of one that came by a migration, and whose end was not seen, the log cannot tell how much had
     * come. */
    if (note.began_ms > 0 && (note.ended || !note.arriving))
        log = rl_qemu_log_ending(domain->name, note.began_ms);
    bool maybe_saved = log == RL_LOG_SAVED || log == RL_LOG_SAVED_THEN_DEAD ||
                       (note.ended && note.verdict.ending == RL_END_SAVED);
    g_autofree char *file = maybe_saved ? find_managed_save(domain, note.began_ms) : NULL;
    RlEndReason ending = rl_end_reason_join(note.ended ? &note.verdict : NULL, log, file != NULL);
    if (ending == RL_END_SAVED)
        *ret_file = g_steal_pointer(&file);
    return ending;
}

RlEndReason
rl_end_reason_find(const RlDomain *domain, char **ret_file)
{
    *ret_file = NULL;
    if (strcmp(domain->type, "xen") == 0)
        return find_libxl(domain, ret_file);
    return find_qemu(domain, ret_file);
}

RlMemory *
rl_end_reason_memory(const RlDomain *domain, const char *file)
{
    g_autoptr(RlMemory) memory = NULL;

    RlSaveFileDriver driver =
        strcmp(domain->type, "xen") == 0 ? RL_SAVE_FILE_LIBXL : RL_SAVE_FILE_QEMU;

    /* The libxl driver has written all of it, and not closed it yet. The qemu driver has closed it:
     * where it is is known of its own place alone. */
    if (driver == RL_SAVE_FILE_LIBXL)
        rl_save_file_find(driver, domain->uuid, &memory);
    if (!memory && file)
        memory = rl_save_file_read(file, driver, domain->uuid);
    if (!memory)
        memory = g_new0(RlMemory, 1);
    memory->save = rl_random_hex(SAVE_ID_DIGITS);
    return g_steal_pointer(&memory);
}

/* The memory with @digest (may be NULL), whose file is open no more: a managed save has its place.
 */
static RlMemory *
find_read_ahead(const RlDomain *domain, const char *digest)
{
    g_autofree char *file = rl_managed_save_since(RL_QEMU_SAVE_DIR, domain->name, 0);
    g_autoptr(RlMemory) managed =
        file && digest ? rl_save_file_read(file, RL_SAVE_FILE_QEMU, domain->uuid) : NULL;

    if (managed && g_strcmp0(managed->digest, digest) == 0)
        return g_steal_pointer(&managed);
    RlMemory *memory = g_new0(RlMemory, 1);
    memory->digest = g_strdup(digest);
    memory->unfound = true;
    return memory;
}

/* The file that @domain is restored from, in *@ret_memory, as rl_end_reason_is_restored() says it.
 * *@ret_beside: another thread than the one that called us may be about to restore it. */
static RlSaveFile
find_restored(const RlDomain *domain, RlMemory **ret_memory, bool *ret_beside)
{
    *ret_beside = false;
    if (strcmp(domain->type, "xen") == 0)
        return rl_save_file_find(RL_SAVE_FILE_LIBXL, domain->uuid, ret_memory) == RL_SAVE_FILE_READ
                   ? RL_SAVE_FILE_READ
                   : RL_SAVE_FILE_NONE;
    /* A restore that failed before it came to this leaves its note. */
    g_autofree char *digest = NULL;
    RlRestoreNote note = rl_restore_notes_take(domain->uuid, &digest);
    RlSaveFile found = note == RL_RESTORE_NONE
                           ? RL_SAVE_FILE_NONE
                           : rl_save_file_find(RL_SAVE_FILE_QEMU, domain->uuid, ret_memory);
    *ret_beside = note == RL_RESTORE_BESIDE;
    /* What this very thread has announced is a restore, although no file shows it. */
    if (note == RL_RESTORE_ANNOUNCED &&
        (found == RL_SAVE_FILE_NONE || found == RL_SAVE_FILE_UNKNOWN) &&
        rl_daemon_reads_ahead(rl_calling_daemon_pid())) {
        *ret_memory = find_read_ahead(domain, digest);
        return RL_SAVE_FILE_UNKNOWN;
    }
    return *ret_beside && found == RL_SAVE_FILE_UNKNOWN ? RL_SAVE_FILE_NONE : found;
}

/* With what is known of the domain's last save. */
static void
give_memory(const RlDomain *domain, RlMemory *memory, RlMemory **ret_memory)
{
    if (!memory)
        memory = g_new0(RlMemory, 1);
    rl_last_save_read(domain, memory);
    *ret_memory = memory;
}

/* The note of the restore was taken: the next start is a plain one, if no restore is announced. */
static bool
refuse_doubt(const RlDomain *domain, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE,
                   "domain '%s': cannot determine whether this start is a restore: a restore was "
                   "announced, and libvirt's daemon has a file open that may be the save file or "
                   "another one (for the download of a volume, for example). Try again. If the "
                   "save file is a block device, or has the name of an image in a pool, copy it "
                   "to another directory, and restore the copy",
                   domain->name);
}

/* Without the thread's own note this start would go on without the memory. */
static bool
refuse_beside(const RlDomain *domain, GError **error)
{
    return rl_fail(error, RL_ERROR_BUSY,
                   "domain '%s' cannot be started: a restore of it was announced, and libvirt's "
                   "daemon has a file open that may be its save file. Try again when that restore "
                   "has ended",
                   domain->name);
}

bool
rl_end_reason_is_restored(const RlDomain *domain, bool *ret_restored, RlMemory **ret_memory,
                          GError **error)
{
    g_autoptr(RlMemory) memory = NULL;
    bool beside;

    *ret_memory = NULL;
    RlSaveFile found = find_restored(domain, &memory, &beside);
    if (beside && found != RL_SAVE_FILE_NONE)
        return refuse_beside(domain, error);
    *ret_restored = found == RL_SAVE_FILE_READ || found == RL_SAVE_FILE_UNKNOWN;
    if (*ret_restored)
        give_memory(domain, g_steal_pointer(&memory), ret_memory);
    return found != RL_SAVE_FILE_DOUBT || refuse_doubt(domain, error);
}

bool
rl_end_reason_is_read(const RlDomain *domain, RlMemory **ret_memory)
{
    g_autoptr(RlMemory) memory = NULL;
    bool xen = strcmp(domain->type, "xen") == 0;

    *ret_memory = NULL;
    if (rl_save_file_find(xen ? RL_SAVE_FILE_LIBXL : RL_SAVE_FILE_QEMU, domain->uuid, &memory) !=
        RL_SAVE_FILE_READ)
        return false;
    give_memory(domain, g_steal_pointer(&memory), ret_memory);
    return true;
}
