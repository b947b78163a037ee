/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain-note.h"

#include <errno.h>

#include "common/base/error.h"
#include "owner.h"

static char *
name_of(const char *what, const RlDomain *domain)
{
    return g_strdup_printf("%s-%s-%s", what, rl_domain_ref_of(domain).driver, domain->uuid);
}

static char *
earlier_name_of(const char *what, const RlDomain *domain)
{
    return g_strdup_printf("%s-%s", what, domain->uuid);
}

bool
rl_domain_note_write(const char *what, const RlDomain *domain, const char *text, GError **error)
{
    g_autofree char *name = name_of(what, domain), *earlier = earlier_name_of(what, domain);

    if (!rl_note_write(name, text, error))
        return false;
    rl_note_remove(earlier);
    return true;
}

bool
rl_domain_note_reuse(const char *what, const char *to, const RlDomain *domain, const char *text,
                     GError **error)
{
    g_autofree char *name = name_of(what, domain), *new_name = name_of(to, domain);

    return rl_note_write_over(name, text, error) && rl_note_rename(name, new_name, error);
}

char *
rl_domain_note_read(const char *what, const RlDomain *domain, size_t size_max, size_t *ret_length,
                    GError **error)
{
    g_autofree char *name = name_of(what, domain), *earlier = earlier_name_of(what, domain);
    g_autoptr(GError) cause = NULL;
    char *text = rl_note_read(name, size_max, ret_length, &cause);

    if (text)
        return text;
    if (rl_error_is_errno(cause, ENOENT))
        return rl_note_read(earlier, size_max, ret_length, error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

bool
rl_domain_note_is_there(const char *what, const RlDomain *domain)
{
    g_autofree char *name = name_of(what, domain), *earlier = earlier_name_of(what, domain);

    return rl_note_is_there(name) || rl_note_is_there(earlier);
}

bool
rl_domain_note_remove(const char *what, const RlDomain *domain)
{
    g_autofree char *name = name_of(what, domain), *earlier = earlier_name_of(what, domain);
    bool removed = rl_note_remove(name);

    return rl_note_remove(earlier) || removed;
}
