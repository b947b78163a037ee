/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What other programs, crashes and other versions leave in a pool. */
#include "steps.h"

#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "common/pool/pool-mark.h"
#include "harness/scatter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* A pool, and a directory "outside" beside it. */
static bool
ready(Site *site, const Step *step, GError **error)
{
    g_autofree char *outside = site_beside(site, "outside");

    return act_build.act(site, step, error) && g_mkdir_with_parents(outside, 0755) == 0;
}

static bool
change_run(Site *site, const Step *step, void (*change)(RlImageOwner *run), GError **error)
{
    g_autoptr(RlImageOwner) run = NULL;
    rl_autofd int fd = site_open(site, step->volume, RL_FILE_DIRTY, O_RDONLY, error);

    if (fd < 0 || !rl_image_owner_get(fd, &run, error) || !run)
        return rl_fail(error, RL_ERROR_INVALID, "'%s' has no run", step->volume);
    change(run);
    return rl_image_owner_put_back(fd, run, error);
}

static void
make_old(RlImageOwner *run)
{
    g_free(run->boot_id);
    run->boot_id = g_strdup("an earlier one");
}

/* The run is one of before the host's last boot. */
static bool
age(Site *site, const Step *step, GError **error)
{
    return change_run(site, step, make_old, error);
}

static void
make_unfresh(RlImageOwner *run)
{
    run->since_us -= (gint64) (RL_OWNER_GRACE_SECONDS + 1) * G_USEC_PER_SEC;
}

/* Its domain is not about to open it, whatever else is known. */
static bool
wait_long(Site *site, const Step *step, GError **error)
{
    return change_run(site, step, make_unfresh, error);
}

/* Nobody noted whose it is. */
static bool
disown(Site *site, const Step *step, GError **error)
{
    rl_autofd int fd = site_open(site, step->volume, RL_FILE_DIRTY, O_RDONLY, error);

    return fd >= 0 && rl_image_owner_clear(fd, error);
}

/* Another program put the clean image there: the attribute @other is missing. */
static bool
forget(Site *site, const Step *step, GError **error)
{
    rl_autofd int fd = site_open(site, step->volume, RL_FILE_CLEAN, O_RDONLY, error);

    return fd >= 0 && rl_xattr_remove(fd, step->other, error);
}

static bool
set_highest(Site *site, const Step *step, GError **error)
{
    rl_autofd int fd = site_open(site, step->volume, RL_FILE_CLEAN, O_RDONLY, error);

    return fd >= 0 && rl_xattr_set_number(fd, RL_ATTR_HIGHEST, step->tag, error);
}

/* The clean image has the date of its revision @tag. */
static bool
date_as(Site *site, const Step *step, GError **error)
{
    g_autofree char *clean = site_file(site, step->volume, RL_FILE_CLEAN);
    g_autoptr(RlVolume) volume = rl_volume_find(site_pool(site, error), step->volume, error);
    g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);

    set_mtime(clean, rl_revisions_find(revisions, step->tag, NULL)->st.st_mtim.tv_sec, 0);
    return true;
}

/* The clean image has the name @other, beside the pool or in it, as well. */
static bool
link_clean(Site *site, const Step *step, GError **error)
{
    g_autofree char *clean = site_file(site, step->volume, RL_FILE_CLEAN);
    g_autofree char *other = site_beside(site, step->other);

    return link(clean, other) == 0 || rl_fail_errno(error, errno, "link");
}

/* A file @other in the pool, with the content @tag. */
static bool
put_file(Site *site, const Step *step, GError **error)
{
    g_autofree char *path = g_build_filename(site->path, step->other, NULL);
    rl_autofd int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    return fd >= 0 && rl_model_write(fd, step->size, step->tag, error);
}

static bool
make_dir(Site *site, const Step *step, GError **error)
{
    g_autofree char *path = site_beside(site, step->other);

    return g_mkdir_with_parents(path, 0755) == 0 || rl_fail_errno(error, errno, "mkdir");
}

static bool
remove_file(Site *site, const Step *step, GError **error)
{
    g_autofree char *path = g_build_filename(site->path, step->other, NULL);

    return unlink(path) == 0 || rl_fail_errno(error, errno, "unlink");
}

/* The clean image comes to lie in as many pieces as it has blocks, and keeps its date. */
static bool
scatter_clean(Site *site, const Step *step, GError **error)
{
    rl_autofd int fd = site_open(site, step->volume, RL_FILE_CLEAN, O_RDWR, error);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !scatter(fd, 0, (uint64_t) st.st_size, error))
        return false;
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    return futimens(fd, times) == 0 || rl_fail_errno(error, errno, "futimens");
}

static bool
size_dirty(Site *site, const Step *step, GError **error)
{
    rl_autofd int fd = site_open(site, step->volume, RL_FILE_DIRTY, O_RDWR, error);

    return fd >= 0 && ftruncate(fd, (off_t) step->size) == 0;
}

/* The record of @other. */
static bool
copy_record(Site *site, const Step *step, GError **error)
{
    g_autofree char *from = site_file(site, step->other, RL_FILE_RECORD), *text = NULL;
    g_autofree char *to = site_file(site, step->volume, RL_FILE_RECORD);

    if (!g_file_get_contents(from, &text, NULL, error))
        return false;
    make_file(to, text);
    return true;
}

/* Somebody has put another clean image there. */
static bool
swap_clean(Site *site, const Step *step, GError **error)
{
    g_autofree char *clean = site_file(site, step->volume, RL_FILE_CLEAN);
    g_autofree char *new = g_strconcat(clean, "~", NULL);
    rl_autofd int fd = open(new, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    return fd >= 0 && rl_model_write(fd, step->size, step->tag, error) &&
           (rename(new, clean) == 0 || rl_fail_errno(error, errno, "rename"));
}

/* Somebody edits it at rest. */
static bool
edit_clean(Site *site, const Step *step, GError **error)
{
    rl_autofd int fd = site_open(site, step->volume, RL_FILE_CLEAN, O_RDWR, error);

    return fd >= 0 && rl_model_write(fd, step->size, step->tag, error) &&
           (fsync(fd) == 0 || rl_fail_errno(error, errno, "fsync"));
}

/* The pool is one of the version before. */
static bool
unmark(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    g_autoptr(RlOptions) options = pool ? rl_options_copy(pool->options) : NULL;

    (void) step;
    if (!options)
        return false;
    g_clear_pointer(&options->mark, g_free);
    g_autofree char *text = pool->documents->options_format(options);
    return rl_pool_write_marker(pool->root, text, error) &&
           rl_xattr_remove(pool->root, RL_ATTR_POOL, error);
}

const Action act_ready = {"build", ready, 0}, act_age = {"age", age, 0},
             act_wait = {"wait", wait_long, 0}, act_disown = {"disown", disown, 0},
             act_forget = {"forget", forget, 0},
             act_set_highest = {"set the number of", set_highest, 0},
             act_date_as = {"date", date_as, 0}, act_link = {"link", link_clean, 0},
             act_put = {"put", put_file, 0}, act_make_dir = {"mkdir", make_dir, 0},
             act_unlink = {"unlink", remove_file, 0}, act_set_size = {"truncate", size_dirty, 0},
             act_copy_record = {"copy the record of", copy_record, 0},
             act_swap_clean = {"swap", swap_clean, 0}, act_unmark = {"unmark", unmark, 0},
             act_edit_clean = {"edit", edit_clean, 0}, act_scatter = {"scatter", scatter_clean, 0};
