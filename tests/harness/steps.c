/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operations of the engine, one call each. */
#include "steps.h"

#include "common/base/autofd.h"
#include "common/format/image-save.h"
#include "common/image/content.h"
#include "common/operation/arrival.h"
#include "common/operation/before-edit.h"
#include "common/operation/claim.h"
#include "common/operation/clone.h"
#include "common/operation/defragment.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "common/operation/pool-build.h"
#include "common/operation/prune.h"
#include "common/operation/rename.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/operation/start.h"
#include "common/operation/stop.h"
#include "xml/documents.h"

#include <fcntl.h>

static const RlMemory memory_of_4 = {
    .file = (char *) "file", .digest = (char *) "of 4", .save = (char *) "save of 4"};
static const RlMemory memory_of_5 = {
    .file = (char *) "file", .digest = (char *) "of 5", .save = (char *) "save of 5"};
const RlDomainRef alice_of_4 = {.driver = "qemu",
                                .uuid = "11111111-1111-4111-8111-111111111111",
                                .name = "alice",
                                .memory = &memory_of_4},
                  alice_of_5 = {.driver = "qemu",
                                .uuid = "11111111-1111-4111-8111-111111111111",
                                .name = "alice",
                                .memory = &memory_of_5},
                  nobody = {0};

/* --- Where it is done */

void
site_pause(const Site *site)
{
    if (site->count)
        site->count(false);
}

void
site_resume(const Site *site)
{
    if (site->count)
        site->count(true);
}

RlPool *
site_own_pool(Site *site, GError **error)
{
    site_pause(site);
    RlPool *pool = rl_model_pool(site->path, error);
    site_resume(site);
    return pool;
}

RlPool *
site_pool(Site *site, GError **error)
{
    if (!site->pool)
        site->pool = site_own_pool(site, error);
    return site->pool;
}

char *
site_file(const Site *site, const char *name, RlFileRole role)
{
    g_autoptr(RlName) parsed = rl_name_parse(name, NULL);
    g_autofree char *file = rl_file_name(parsed->leaf, role);

    return g_build_filename(site->path, parsed->dir, file, NULL);
}

char *
site_beside(const Site *site, const char *relative)
{
    g_autofree char *parent = g_path_get_dirname(site->path);

    return g_build_filename(parent, relative, NULL);
}

int
site_open(const Site *site, const char *name, RlFileRole role, int flags, GError **error)
{
    g_autofree char *path = site_file(site, name, role);
    int fd = open(path, flags | O_CLOEXEC);

    if (fd < 0)
        rl_fail_errno(error, errno, "cannot open '%s'", path);
    return fd;
}

bool
pools_copy(void)
{
    return g_strcmp0(g_getenv("FS"), "ext4") == 0;
}

bool
steps_play(const Step *steps, const char *path, void (*count)(bool counts), GError **error)
{
    Site site = {.path = (char *) path, .count = count};
    bool done = true;

    for (; done && steps->action; steps++)
        done = steps->action->act(&site, steps, error);
    rl_pool_close(site.pool);
    return done;
}

static const RlDomainRef *
owner_of(const Step *step)
{
    return !step->owner ? &alice : step->owner == &nobody ? NULL : step->owner;
}

static bool
wanted(bool done, GError **error)
{
    return done || rl_fail(error, RL_ERROR_STATE, "nothing was done");
}

/* --- Pools */

/* At @other below the pool's path, or there; keeps @wanted revisions, or 3. No domain's is root's
 * alone. */
static bool
build(Site *site, const Step *step, GError **error)
{
    g_autofree char *path = g_build_filename(site->path, step->other ? step->other : "", NULL);
    g_autoptr(RlOptions) options = rl_options_new();
    RlAccess access = {(mode_t) -1, (uid_t) -1, (gid_t) -1};

    if (step->owner == &nobody)
        access = (RlAccess){0700, 0, 0};
    options->keep.newest = step->wanted ? step->wanted : 3;
    options->fallback_copy = pools_copy();
    return rl_pool_build(path, options, &access, rl_xml_documents(), error);
}

/* It keeps @wanted revisions from here on; 0: as many as before. With @other its volumes' paths are
 * links. */
static bool
set_options(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    g_autoptr(RlOptions) options = pool ? rl_options_copy(pool->options) : NULL;

    if (!pool)
        return false;
    options->keep.newest = step->wanted ? step->wanted : options->keep.newest;
    options->path_links |= step->other != NULL;
    return rl_pool_set_options(pool, options, error);
}

static bool
delete_pool(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    (void) step;
    return pool && rl_pool_delete(pool, error);
}

/* --- Volumes */

static const char *
source_of(const Step *step)
{
    return step->wanted == RL_KIND_SNAPSHOT ? step->other : NULL;
}

/* Of the kind @wanted, with @tag and @size; a snapshot of @other. */
static bool
create(Site *site, const Step *step, GError **error)
{
    return rl_model_create(site->path, step->volume, (RlKind) step->wanted, source_of(step),
                           step->tag, step->size, error);
}

/* A staged image of @name, filled from @from unless that is NULL. */
static RlStagedImage *
stage_from(Site *site, const char *name, const char *from, const Step *step, GError **error)
{
    RlPool *pool = site_own_pool(site, error);
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autoptr(RlStagedImage) staged = pool ? rl_staged_new(pool, name, &access, error) : NULL;
    rl_autofd int fd = staged && from ? rl_content_open(pool, from, false, error) : -1;

    if (!staged || (from && (fd < 0 || !rl_staged_fill(staged, fd, step->size,
                                                       pool->options->fallback_copy, error))))
        return NULL;
    return g_steal_pointer(&staged);
}

/* The same as create, as the engine does it; a snapshot is one of @other. */
static bool
stage(Site *site, const Step *step, GError **error)
{
    RlKind kind = (RlKind) step->wanted;
    g_autoptr(RlStagedImage) staged = stage_from(site, step->volume, NULL, step, error);
    g_autoptr(RlRecord) record =
        kind == RL_KIND_PERSISTENT ? NULL : rl_record_new(kind, source_of(step), step->size);

    return staged && rl_staged_create(staged, record, step->size, error);
}

/* Of @other's content, of the kind @wanted. */
static bool
make_clone(Site *site, const Step *step, GError **error)
{
    RlKind kind = (RlKind) step->wanted;
    g_autoptr(RlStagedImage) staged = stage_from(site, step->volume, step->other, step, error);
    g_autoptr(RlRecord) record =
        kind == RL_KIND_PERSISTENT ? NULL : rl_record_new(kind, NULL, step->size);

    return staged && rl_staged_create(staged, record, step->size, error);
}

/* As the engine makes it from beginning to end: @to of @from. */
static bool
make(Site *site, const char *to, const char *from, GError **error)
{
    RlPool *pool = site_own_pool(site, error);
    g_autoptr(RlStagedImage) made = pool ? rl_clone_make(pool, to, from, error) : NULL;

    return made != NULL;
}

static bool
label(Site *site, const Step *step, GError **error)
{
    g_autofree char *name = g_strconcat(step->volume, "@", step->other, NULL);

    return make(site, name, step->volume, error);
}

static bool
revert(Site *site, const Step *step, GError **error)
{
    g_autofree char *name = g_strconcat(step->volume, "@current", NULL);

    return make(site, name, step->other, error);
}

/* A revert that makes it a volume of the kind @wanted. */
static bool
become(Site *site, const Step *step, GError **error)
{
    g_autofree char *name = g_strdup_printf("%s@current@kind=%s", step->volume,
                                            rl_kind_to_string((RlKind) step->wanted));

    return make(site, name, step->other, error);
}

/* A revert to @other that nobody wants any more. */
static bool
give_up(Site *site, const Step *step, GError **error)
{
    g_autofree char *name = g_strconcat(step->volume, "@current", NULL);
    g_autoptr(RlStagedImage) staged = stage_from(site, name, step->other, step, error);

    return staged != NULL;
}

static bool
resize(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    return pool &&
           rl_volume_resize(pool, step->volume, step->size, step->action == &act_allocate, error);
}

static bool
maintain(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    return pool && rl_volume_maintain(pool, step->volume, true, error);
}

/* A pool may be a copy that shares all blocks with the original. Those that copy share nothing, and
 * are not defragmented. */
static bool
defragment(Site *site, const Step *step, GError **error)
{
    const RlDefragment how = {.rule = {.limit = MIB, .unshare = true}};
    RlPool *pool = site_pool(site, error);
    RlDefragmented found;

    return pool && (pools_copy() || rl_volume_defragment(pool, step->volume, &how, &found, error));
}

static bool
clear(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    return pool && rl_volume_clear(pool, step->volume, error);
}

static bool
remove_volume(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    return pool && rl_volume_delete(pool, step->volume,
                                    step->action == &act_delete_unlabelled
                                        ? 0
                                        : RL_DELETE_NAMED | RL_DELETE_USED,
                                    error);
}

/* A record that is left of a volume is cleared away by whoever makes one of its name. */
static bool
remove_rest(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, step->volume, error) : NULL;

    return volume &&
           (rl_volume_exists(volume) ||
            rl_model_create(site->path, step->volume, RL_KIND_PERSISTENT, NULL, 1, step->size,
                            error)) &&
           rl_volume_delete(pool, step->volume, RL_DELETE_NAMED | RL_DELETE_USED, error);
}

static bool
remove_revision(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    g_autofree char *text = g_strconcat(step->volume, "@", step->other, NULL);
    g_autoptr(RlName) name = rl_name_parse(text, error);

    return pool && name && rl_revision_delete(pool, name, error);
}

/* Keeps the newest @wanted. */
static bool
prune_by(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    const RlPruneRule rule = {.keep = {.newest = step->wanted}, .before_us = G_MAXINT64};

    return pool && rl_volume_prune_by(pool, step->volume, &rule, NULL, error);
}

static bool
keep_edit(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, step->volume, error) : NULL;
    RlEdit edit;

    return volume && rl_edit_keep(volume, &edit, error) && wanted(edit == RL_EDIT_KEPT, error);
}

/* To @other. */
static bool
rename_to(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    return pool && rl_volume_rename_to(pool, step->volume, step->other, error);
}

/* --- Domains */

/* For @owner, with the flags @wanted. */
static bool
start(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    g_autoptr(RlStarted) started = pool ? rl_volume_start(pool, step->volume, owner_of(step),
                                                          (RlStartFlags) step->wanted, error)
                                        : NULL;

    return started != NULL;
}

/* And another volume of the domain could not be started. */
static bool
start_unstart(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    g_autoptr(RlStarted) started = pool ? rl_volume_start(pool, step->volume, owner_of(step),
                                                          (RlStartFlags) step->wanted, error)
                                        : NULL;

    return started && rl_volume_unstart(pool, started, owner_of(step), error);
}

/* The same of a start of before; of an image that was kept, that is kept again. */
static bool
unstart(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    bool kept = step->action == &act_unstart_kept;
    RlStarted started = {.volume = (char *) step->volume,
                         .continued = kept,
                         .hold = kept ? RL_MARK_KEPT : RL_MARK_NONE};

    return pool && rl_volume_unstart(pool, &started, owner_of(step), error);
}

/* It comes to @wanted; a careful one may count as unwritten as well, and with act_end anything is
 * right. */
static bool
stop(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    RlStop done;

    if (!pool || !rl_volume_stop(pool, step->volume, owner_of(step), &done, error))
        return false;
    return (int) done == step->wanted || step->action == &act_end ||
           (step->action == &act_stop_careful && done == RL_STOP_UNWRITTEN) ||
           rl_fail(error, RL_ERROR_STATE, "its stop came to %d, not %d", (int) done, step->wanted);
}

/* As the memory of @owner, if there is one; to the file @other beside the pool. */
static bool
save(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    g_autofree char *file = step->other ? site_beside(site, step->other) : NULL;
    bool done;

    return pool &&
           rl_volume_keep_as(pool, step->volume,
                             &(RlKeep){.owner = owner_of(step), .saved = true, .file = file}, &done,
                             error) &&
           wanted(done, error);
}

static bool
announce(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    return pool && rl_volume_announce_restore(pool, step->volume, owner_of(step), error);
}

/* The two calls of it. */
static bool
restore(Site *site, const Step *step, GError **error)
{
    return announce(site, step, error) && start(site, step, error);
}

static bool
confirm(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    return pool && rl_volume_confirm(pool, step->volume, owner_of(step), error);
}

static bool
keep(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    bool done;

    return pool && rl_volume_keep(pool, step->volume, owner_of(step), &done, error) &&
           wanted(done, error);
}

static bool
go_on(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    return pool && rl_volume_continue(pool, step->volume, error);
}

static bool
discard(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    return pool && rl_volume_discard(pool, step->volume, error);
}

static bool
drop_arrival(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    bool done;

    return pool && rl_volume_drop_arrival(pool, step->volume, owner_of(step), &done, error) &&
           wanted(done, error);
}

const Action act_build = {"build the pool", build, STEP_NAMES},
             act_options = {"options of", set_options, STEP_NAMES},
             act_delete_pool = {"delete the pool", delete_pool, STEP_NAMES},
             act_create = {"create", create, STEP_NAMES}, act_stage = {"create", stage, STEP_NAMES},
             act_clone = {"clone", make_clone, STEP_NAMES},
             act_label = {"label", label, STEP_NAMES}, act_revert = {"revert", revert, STEP_NAMES},
             act_become = {"revert, of another kind,", become, STEP_NAMES},
             act_give_up = {"give up a revert", give_up, STEP_NAMES},
             act_resize = {"resize", resize, STEP_NAMES | STEP_DATA},
             act_allocate = {"allocate", resize, STEP_NAMES | STEP_DATA},
             act_maintain = {"maintain", maintain, STEP_DROPS},
             act_clear = {"clear", clear, STEP_DROPS},
             act_defragment = {"defragment", defragment, STEP_NAMES | STEP_DATA},
             act_delete = {"delete", remove_volume, STEP_NAMES | STEP_DATA | STEP_DROPS},
             act_delete_unlabelled = {"delete", remove_volume, STEP_NAMES | STEP_DATA | STEP_DROPS},
             act_delete_rest = {"delete the rest of", remove_rest, STEP_DROPS},
             act_delete_revision = {"delete revision", remove_revision, STEP_NAMES | STEP_DROPS},
             act_prune_by = {"prune", prune_by, STEP_NAMES | STEP_DROPS},
             act_keep_edit = {"keep an edit", keep_edit, STEP_NAMES},
             act_rename = {"rename", rename_to, STEP_NAMES | STEP_DROPS | STEP_MOVES},
             act_start = {"start", start, STEP_NAMES | STEP_DATA},
             /* What it notes on an image that has no mark is not synced. */
    act_go_on = {"go on with", start, 0}, act_start_unstart = {"start, put back", start_unstart, 0},
             act_unstart = {"put back", unstart, STEP_NAMES | STEP_DATA},
             act_unstart_kept = {"put back", unstart, STEP_NAMES | STEP_DATA},
             act_stop = {"stop", stop, STEP_NAMES | STEP_DATA},
             act_stop_careful = {"stop", stop, STEP_NAMES | STEP_DATA},
             act_end = {"stop", stop, STEP_NAMES | STEP_DATA},
             act_save = {"save", save, STEP_NAMES | STEP_DATA},
             act_announce = {"announce a restore of", announce, 0},
             act_restore = {"restore", restore, STEP_NAMES | STEP_DATA},
             act_confirm = {"confirm", confirm, 0},
             act_keep = {"keep", keep, STEP_NAMES | STEP_DATA},
             act_continue = {"continue", go_on, STEP_NAMES | STEP_DATA},
             act_discard = {"discard", discard, STEP_NAMES | STEP_DATA},
             act_drop_arrival = {"drop the arrival of", drop_arrival, STEP_NAMES};
