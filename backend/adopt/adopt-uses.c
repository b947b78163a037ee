/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "adoption.h"
#include "common/fs/inode.h"
#include "domain-uses.h"

static void G_GNUC_PRINTF(2, 3) add_obstacle(RlAdoption *adoption, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *text = g_strdup_vprintf(format, args);
    va_end(args);
    if (g_ptr_array_find_with_equal_func(adoption->obstacles, text, g_str_equal, NULL))
        g_free(text);
    else
        g_ptr_array_add(adoption->obstacles, text);
}

/* The path that a domain is to name for the volume of @file, owned by the caller. */
static char *
new_path(const RlAdoption *adoption, const RlAdoptFile *file)
{
    g_autoptr(RlName) name = rl_name_parse_volume(file->volume, NULL);
    g_autofree char *dirty = rl_file_name(name->leaf, RL_FILE_DIRTY);

    return g_build_filename(adoption->path, name->dir, dirty, NULL);
}

/* Is the path of @use that of @file in the directory itself? Then it is the short path of the
 * volume, and goes on to lead to it (common/image/short-path.h). */
static bool
stays_good(const RlAdoption *adoption, const RlAdoptFile *file, const RlDomainUse *use)
{
    g_autofree char *dir = g_path_get_dirname(use->path), *base = g_path_get_basename(use->path);
    struct stat there, root;

    return file->what == RL_ADOPT_MOVED && strcmp(base, file->path) == 0 &&
           stat(dir, &there) == 0 && fstat(adoption->root, &root) == 0 &&
           rl_stat_same(&there, &root);
}

static bool
is_raw(const RlDomainUse *use)
{
    return !use->format || strcmp(use->format, "raw") == 0;
}

static void
look_at_disk(RlAdoption *adoption, const RlAdoptFile *file, const RlDomainUse *use)
{
    const char *target = use->target ? use->target : "?";
    bool is_clean = file->what == RL_ADOPT_MOVED || file->role == RL_FILE_CLEAN;

    if (!is_raw(use)) {
        add_obstacle(adoption,
                     "domain '%s' has '%s' as its disk '%s' in the format %s, and volumes are raw. "
                     "Move the file out of the directory, or convert it",
                     use->domain, file->path, target, use->format);
        return;
    }
    if (!is_clean || (use->readonly && file->what == RL_ADOPT_KEPT))
        return;
    if (use->kind == RL_USE_VOLUME) {
        if (strcmp(use->path, file->volume) != 0)
            add_obstacle(adoption,
                         "domain '%s' has the volume '%s' as its disk '%s', which will be called "
                         "'%s'. Type 'virt-xml %s --edit target=%s --disk source.volume=%s'",
                         use->domain, use->path, target, file->volume, use->domain, target,
                         file->volume);
        return;
    }
    if (stays_good(adoption, file, use))
        return;
    g_autofree char *path = new_path(adoption, file);
    add_obstacle(adoption,
                 "domain '%s' has '%s' as its disk '%s', which will be at '%s'. Type 'virt-xml %s "
                 "--edit target=%s --disk source.file=%s'",
                 use->domain, use->path, target, path, use->domain, target, path);
}

/* A plain image that cannot be a volume for the sake of its domain; false where it can. */
static bool
leave(RlAdoptFile *file, const RlDomainUse *use)
{
    if (file->what != RL_ADOPT_MOVED)
        return false;
    if (use->kind == RL_USE_BELOW)
        rl_adopt_refuse(file,
                        "below a disk or snapshot of domain '%s', which names it by this path",
                        use->domain);
    else if (use->kind == RL_USE_FILE)
        rl_adopt_refuse(file, "domain '%s' names it as its %s, not as a disk", use->domain,
                        use->target);
    else if (!is_raw(use))
        rl_adopt_refuse(file, "domain '%s' has it in the format %s, and volumes are raw",
                        use->domain, use->format);
    else
        return false;
    return true;
}

static void
look_at_use(RlAdoption *adoption, RlAdoptFile *file, const RlDomainUse *use)
{
    if (leave(file, use))
        return;
    if (use->running)
        add_obstacle(adoption, "domain '%s' runs, and uses '%s'. Shut it down", use->domain,
                     file->path);
    else if (use->saved)
        add_obstacle(adoption,
                     "domain '%s' is saved, and its saved memory needs '%s' under its present "
                     "name. Start it and shut it down, or type 'virsh managedsave-remove %s'",
                     use->domain, file->path, use->domain);
    else if (use->kind == RL_USE_FILE)
        add_obstacle(adoption,
                     "domain '%s' names '%s' as its %s, and would not start: let it name a copy "
                     "outside of the directory ('virsh edit %s')",
                     use->domain, file->path, use->target, use->domain);
    else if (use->kind != RL_USE_BELOW)
        look_at_disk(adoption, file, use);
}

static void
look_at_writers(RlAdoption *adoption, const RlAdoptFile *file)
{
    g_autoptr(GError) cause = NULL;

    if (file->what == RL_ADOPT_KEPT &&
        (file->role == RL_FILE_RECORD || file->role == RL_FILE_TEMP ||
         file->role == RL_FILE_PEER_TEMP))
        return;
    if (!S_ISREG(file->st.st_mode))
        return;
    /* Of a pool, volumes may run. */
    if (adoption->is_pool && file->what == RL_ADOPT_KEPT)
        return;
    if (!rl_adopt_require_unused(adoption->root, file, &cause))
        add_obstacle(adoption, "%s", cause->message);
}

void
rl_adoption_look_at_uses(RlAdoption *adoption)
{
    g_autoptr(GPtrArray) uses = rl_domain_uses_read();

    for (guint i = 0; i < adoption->files->len; i++) {
        RlAdoptFile *file = g_ptr_array_index(adoption->files, i);
        for (guint j = 0; j < uses->len; j++) {
            const RlDomainUse *use = g_ptr_array_index(uses, j);
            /* What is in a pool already was looked at when that was made. */
            if (file->what == RL_ADOPT_FOREIGN ||
                (adoption->is_pool && file->what == RL_ADOPT_KEPT))
                break;
            if (rl_stat_same(&use->st, &file->st))
                look_at_use(adoption, file, use);
        }
        if (file->what != RL_ADOPT_FOREIGN)
            look_at_writers(adoption, file);
    }
}
