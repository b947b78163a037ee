/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ending.h"

#include <glib.h>
#include <string.h>

#include "qemu-log.h"
#include "restoring.h"
#include "save-file.h"

static RlEnding
find_libxl(const RlDomain *domain, char **ret_file)
{
    switch (rl_save_file_find(RL_SAVE_FILE_LIBXL, domain->uuid, ret_file)) {
    case RL_SAVE_FILE_WRITTEN:
        /* A file of the user's choice may be moved, and is no less there. */
        if (!rl_save_file_is_managed(*ret_file))
            g_clear_pointer(ret_file, g_free);
        return RL_ENDING_SAVED;
    case RL_SAVE_FILE_READ:
        return RL_ENDING_FAILED; /* a restore that got as far as to start the volumes */
    case RL_SAVE_FILE_UNKNOWN:
        return RL_ENDING_UNKNOWN;
    case RL_SAVE_FILE_NONE:
        break;
    }
    return RL_ENDING_STOPPED;
}

RlEnding
rl_ending_find(const RlDomain *domain, char **ret_file)
{
    *ret_file = NULL;
    if (strcmp(domain->type, "xen") == 0)
        return find_libxl(domain, ret_file);
    return rl_qemu_log_ending(domain->name, ret_file);
}

bool
rl_ending_is_restored(const RlDomain *domain)
{
    g_autofree char *file = NULL;

    if (strcmp(domain->type, "xen") == 0)
        return rl_save_file_find(RL_SAVE_FILE_LIBXL, domain->uuid, &file) == RL_SAVE_FILE_READ;
    /* A restore that failed before it came to this leaves its note to the next start. */
    if (!rl_restoring_take(domain->uuid))
        return false;
    RlSaveFile found = rl_save_file_find(RL_SAVE_FILE_QEMU, domain->uuid, &file);
    return found == RL_SAVE_FILE_READ || found == RL_SAVE_FILE_UNKNOWN;
}
