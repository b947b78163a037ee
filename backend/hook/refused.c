/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "refused.h"

#include "common/base/log.h"
#include "note.h"

static char *
note_name(const char *uuid)
{
    return g_strdup_printf("refused-%s", uuid);
}

void
rl_refused_note(const char *uuid)
{
    g_autofree char *file = note_name(uuid);
    g_autoptr(GError) error = NULL;

    if (!rl_note_write(file, "", &error))
        rl_log_warning("domain %s: cannot record that its start was refused: %s", uuid,
                       error->message);
}

bool
rl_refused_take(const char *uuid)
{
    g_autofree char *file = note_name(uuid);

    return rl_note_remove(file);
}
