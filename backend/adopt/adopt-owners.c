/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pwd.h>

#include "adoption.h"

/* The images of one user. */
typedef struct {
    uid_t uid;
    guint count;
    const char *path; /* of the first */
} Owned;

/* Is @file an image at rest that another user than root owns? */
static bool
is_owned(const RlAdoptFile *file)
{
    if (file->what == RL_ADOPT_FOREIGN || !S_ISREG(file->st.st_mode) || file->st.st_uid == 0)
        return false;
    return file->what == RL_ADOPT_MOVED || file->role == RL_FILE_CLEAN ||
           file->role == RL_FILE_REVISION || file->role == RL_FILE_LABEL;
}

static GArray *
count_by_owner(const GPtrArray *files)
{
    GArray *owners = g_array_new(FALSE, TRUE, sizeof(Owned));

    for (guint i = 0; i < files->len; i++) {
        const RlAdoptFile *file = g_ptr_array_index(files, i);
        guint at = 0;
        if (!is_owned(file))
            continue;
        while (at < owners->len && g_array_index(owners, Owned, at).uid != file->st.st_uid)
            at++;
        if (at == owners->len)
            g_array_append_val(owners, ((Owned){file->st.st_uid, 0, file->path}));
        g_array_index(owners, Owned, at).count++;
    }
    return owners;
}

void
rl_adoption_look_at_owners(RlAdoption *adoption)
{
    g_autoptr(GArray) owners = count_by_owner(adoption->files);

    for (guint i = 0; i < owners->len; i++) {
        const Owned *owned = &g_array_index(owners, Owned, i);
        const struct passwd *user = getpwuid(owned->uid);
        g_autofree char *name =
            user ? g_strdup(user->pw_name) : g_strdup_printf("%lu", (unsigned long) owned->uid);
        g_autofree char *more = owned->count > 1
                                    ? g_strdup_printf(" and %u more images", owned->count - 1)
                                    : g_strdup("");
        g_ptr_array_add(adoption->hints,
                        g_strdup_printf("User '%s' owns '%s'%s, with the right to write even if no "
                                        "domain runs. If domains run as that user, first give "
                                        "what it owns to root (chown(1))",
                                        name, owned->path, more));
    }
}
