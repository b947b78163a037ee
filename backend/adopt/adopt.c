/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "adoption.h"
#include "backend/cli/after-change.h"
#include "backend/cli/document.h"
#include "backend/cli/size-option.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/operation/pool-build.h"
#include "new-pool.h"

typedef struct {
    RlNewPool new;
    gboolean yes;
    char **raw, **snapshots, **volatiles;
} Options;

static void
options_clear(Options *options)
{
    rl_new_pool_clear(&options->new);
    g_strfreev(options->raw);
    g_strfreev(options->snapshots);
    g_strfreev(options->volatiles);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static void
adoption_clear(RlAdoption *adoption)
{
    g_free(adoption->path);
    rl_fd_close(&adoption->root);
    g_clear_pointer(&adoption->files, g_ptr_array_unref);
    g_clear_pointer(&adoption->wishes, g_ptr_array_unref);
    g_clear_pointer(&adoption->obstacles, g_ptr_array_unref);
    g_clear_pointer(&adoption->hints, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlAdoption, adoption_clear)

static void
wish_free(void *data)
{
    RlAdoptWish *wish = data;

    g_free(wish->volume);
    g_free(wish->source);
    g_free(wish);
}

/* "NAME=SOURCE" of a snapshot volume; "NAME" or "NAME=SIZE" of a volatile one. */
static bool
add_wish(RlAdoption *adoption, const char *text, bool snapshot)
{
    const char *equals = strchr(text, '=');
    RlAdoptWish *wish = g_new0(RlAdoptWish, 1);

    g_ptr_array_add(adoption->wishes, wish);
    wish->volume = equals ? g_strndup(text, (gsize) (equals - text)) : g_strdup(text);
    if (snapshot && equals && equals[1])
        wish->source = g_strdup(equals + 1);
    return snapshot ? wish->source != NULL
                    : !equals || (rl_size_parse(equals + 1, &wish->capacity) && wish->capacity > 0);
}

static RlExit
read_wishes(RlCall *call, const Options *options, RlAdoption *adoption)
{
    for (guint i = 0; options->snapshots && options->snapshots[i]; i++)
        if (!add_wish(adoption, options->snapshots[i], true))
            return rl_call_misused(call, "adopt: --snapshot must be NAME=SOURCE");
    for (guint i = 0; options->volatiles && options->volatiles[i]; i++)
        if (!add_wish(adoption, options->volatiles[i], false))
            return rl_call_misused(call, "adopt: --volatile must be NAME, or NAME=SIZE");
    return RL_EXIT_DONE;
}

/* A directory that is no pool yet must be one that could be. */
static bool
open_directory(RlAdoption *adoption, const RlCall *call, const Options *options, GError **error)
{
    g_autoptr(RlOptions) wanted = rl_options_new();
    g_autoptr(RlPool) before = NULL;

    adoption->path = rl_new_pool_path(rl_call_name(call, 0), error);
    if (!adoption->path || !rl_new_pool_before(adoption->path, &before, error))
        return false;
    adoption->is_pool = before;
    wanted->fallback_copy = options->new.copy;
    if (!adoption->is_pool && !rl_pool_require_buildable(adoption->path, wanted, error)) {
        if (error)
            rl_error_about(error, "pool", adoption->path);
        return false;
    }
    adoption->root = open(adoption->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return adoption->root >= 0 ||
           rl_fail_errno(error, errno, "cannot open directory '%s'", adoption->path);
}

static bool
look(RlAdoption *adoption, const Options *options, GError **error)
{
    adoption->files = rl_adopt_plan(adoption->root, (const char *const *) options->raw, error);
    if (!adoption->files)
        return false;
    rl_adoption_look_at_uses(adoption);
    rl_adoption_look_at_wishes(adoption);
    rl_adoption_look_at_pools(adoption, options->new.define);
    rl_adoption_look_at_owners(adoption);
    return true;
}

static bool
fulfil(const RlPool *pool, const RlAdoptWish *wish, GError **error)
{
    return wish->source ? rl_adopt_snapshot(pool, wish->volume, wish->source, error)
                        : rl_adopt_volatile(pool, wish->volume, wish->capacity, error);
}

/* Steps, and what a crash after each leaves: the directory becomes a pool (one with images that are
 * no volumes yet); each plain image gets its new name; each record is written. The same command
 * goes on from there. */
static bool
carry_out(const RlAdoption *adoption, const RlPool *pool, GError **error)
{
    for (guint i = 0; i < adoption->files->len; i++) {
        const RlAdoptFile *file = g_ptr_array_index(adoption->files, i);
        if (file->what == RL_ADOPT_MOVED && !rl_adopt_move(pool, file, error))
            return false;
    }
    for (guint i = 0; i < adoption->wishes->len; i++)
        if (!fulfil(pool, g_ptr_array_index(adoption->wishes, i), error))
            return false;
    return true;
}

static bool
adopt(const RlCall *call, const RlAdoption *adoption, const RlNewPool *new, GError **error)
{
    g_autoptr(RlPool) pool = rl_new_pool_make(new, adoption->path, error);
    g_autofree char *xml = NULL;
    bool restart;

    /* libvirt first: where it refuses, no image has another name yet. */
    call->document->changed = pool;
    if (!pool || !rl_new_pool_tell(new, pool, &xml, &restart, error))
        return false;
    bool done = carry_out(adoption, pool, error);
    rl_after_many(pool);
    rl_adoption_note(adoption, done, call->document->json);
    if (!done)
        return false;
    if (!call->json)
        rl_new_pool_say(call, new, xml, restart);
    return true;
}

/* What would be done, and what stands in the way. */
static RlExit
show(const RlCall *call, const RlAdoption *adoption)
{
    rl_adoption_note(adoption, false, call->document->json);
    if (!call->json)
        rl_adoption_show(call, adoption);
    for (guint i = 0; !call->json && i < adoption->obstacles->len; i++)
        rl_call_warn(NULL, "%s", (const char *) g_ptr_array_index(adoption->obstacles, i));
    return adoption->obstacles->len > 0 ? RL_EXIT_FOUND : RL_EXIT_DONE;
}

static bool
is_done(const RlAdoption *adoption)
{
    for (guint i = 0; i < adoption->files->len; i++)
        if (((const RlAdoptFile *) g_ptr_array_index(adoption->files, i))->what == RL_ADOPT_MOVED)
            return false;
    return adoption->is_pool && adoption->wishes->len == 0;
}

static RlExit
run(RlCall *call, const Options *options, GError **error)
{
    g_auto(RlAdoption) adoption = {.root = -1,
                                   .wishes = g_ptr_array_new_with_free_func(wish_free),
                                   .obstacles = g_ptr_array_new_with_free_func(g_free),
                                   .hints = g_ptr_array_new_with_free_func(g_free)};
    RlExit exit = read_wishes(call, options, &adoption);

    if (exit != RL_EXIT_DONE)
        return exit;
    if (!open_directory(&adoption, call, options, error) || !look(&adoption, options, error))
        return RL_EXIT_FAILED;
    if (options->yes && adoption.obstacles->len == 0)
        return rl_call_done(adopt(call, &adoption, &options->new, error));
    call->document->planned = !options->yes;
    exit = show(call, &adoption);
    if (options->yes)
        return rl_call_done(rl_fail(error, RL_ERROR_STATE,
                                    "'%s' is not adopted, and nothing was changed: do what is said "
                                    "above first",
                                    adoption.path));
    rl_call_say(call, is_done(&adoption)
                          ? "It is a pool, and there is nothing to do."
                          : "Nothing was changed. 'virt-reflink adopt --yes' does it.");
    return exit;
}

RlExit
rl_command_adopt(RlCall *call, GError **error)
{
    g_auto(Options) wanted = {.new = {.keep = -1}};
    const GOptionEntry options[] = {
        {"yes", 'y', 0, G_OPTION_ARG_NONE, &wanted.yes,
         "Make the directory a pool, and rename what has to be renamed", NULL},
        {"raw", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &wanted.raw,
         "FILE, below the directory, is a raw image, whatever its name says", "FILE"},
        {"snapshot", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &wanted.snapshots,
         "The volume NAME is a snapshot volume of SOURCE", "NAME=SOURCE"},
        {"volatile", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &wanted.volatiles,
         "The volume NAME is volatile", "NAME[=SIZE]"},
        {"keep", 'k', 0, G_OPTION_ARG_INT, &wanted.new.keep,
         "Keep the newest N automatic revisions of each volume (default: 1)", "N"},
        {"copy", 0, 0, G_OPTION_ARG_NONE, &wanted.new.copy,
         "Copy images if the file system has no reflinks", NULL},
        {"name", 0, 0, G_OPTION_ARG_STRING, &wanted.new.name,
         "The name in the definition (default: that of the directory)", "NAME"},
        {"define", 0, 0, G_OPTION_ARG_STRING, &wanted.new.define,
         "Define the pool in libvirt by this name, and start it", "NAME"},
        G_OPTION_ENTRY_NULL,
    };
    const char *problem;

    if (!rl_call_begin(call, options, error))
        return call->exit;
    if (!rl_new_pool_is_right(&wanted.new, &problem))
        return rl_call_misused(call, "adopt: %s", problem);
    return run(call, &wanted, error);
}
