/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quick.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "domain-id.h"
#include "domain-text.h"
#include "input.h"
#include "notes.h"

/* Has the domain no volume of ours, by what is noted of it and what its XML names? A layer may be
 * refused for what it is, wherever it lies, when the domain is about to be started on it. */
static bool
has_none(const char *text, bool starts)
{
    char what[PATH_MAX + 64];
    RlDomainLook look;

    rl_domain_text_look(text, &look, what, sizeof(what));
    return look.doubt == RL_IMAGE_NONE && !(starts && look.layers);
}

static bool
answer(const char *operation, const char *text)
{
    bool prepares = strcmp(operation, "prepare") == 0;
    bool starts = prepares || strcmp(operation, "start") == 0;
    RlDomainId id;

    if (!text || !rl_domain_id_read(text, &id))
        return false;
    RlNotes notes = rl_notes_look(&id);
    /* A run that has not ended. */
    if (notes == RL_NOTES_OTHER || (prepares && notes != RL_NOTES_NONE))
        return false;
    /* It was started before we were here, and may be given a volume yet. */
    if (strcmp(operation, "reconnect") == 0 && notes != RL_NOTES_PLAIN)
        return false;
    if (!has_none(text, starts))
        return false;
    if (prepares)
        return rl_notes_begin(&id);
    if (strcmp(operation, "release") == 0)
        rl_notes_end(&id);
    return true;
}

bool
rl_quick_call(const char *operation)
{
    /* What a save file says is compared with the domain's definition. */
    if (strcmp(operation, "restore") == 0)
        return false;
    char *text = rl_input_peek();
    bool done = answer(operation, text);
    free(text);
    return done;
}
