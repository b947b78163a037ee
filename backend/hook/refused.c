/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "refused.h"

#include "backend/launcher/note-names.h"
#include "common/base/log.h"
#include "domain-note.h"

#define NOTE RL_NOTE_REFUSED

void
rl_refused_note(const RlDomain *domain)
{
    g_autoptr(GError) error = NULL;

    if (!rl_domain_note_write(NOTE, domain, "", &error))
        rl_log_warning("domain %s: cannot record that its start was refused: %s", domain->name,
                       error->message);
}

bool
rl_refused_take(const RlDomain *domain)
{
    return rl_domain_note_remove(NOTE, domain);
}
