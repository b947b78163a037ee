/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unmarked-run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/boot.h"
#include "common/base/error.h"
#include "common/base/paths.h"

#define SIZE_MAX_NOTE 4096

/* Does @note tell of @run? */
static bool
tells_of(GKeyFile *note, const RlImageOwner *run)
{
    g_autofree char *noted = g_key_file_get_string(note, RL_UNMARKED_GROUP, RL_UNMARKED_BOOT, NULL);
    gint64 until_us = g_key_file_get_int64(note, RL_UNMARKED_GROUP, RL_UNMARKED_UNTIL, NULL);
    g_autofree char *boot = rl_boot_id(NULL);

    /* What a run of an earlier boot has left was not the run's that ended in this one. */
    return (!boot || g_strcmp0(boot, noted) == 0) && g_strcmp0(run->boot_id, noted) == 0 &&
           run->since_us <= until_us;
}

bool
rl_unmarked_run_get(const RlImageOwner *run, RlUnmarked *ret_unmarked, GError **error)
{
    g_autofree char *path =
        g_strdup_printf(RL_LOCK_DIR "/" RL_UNMARKED_NAME "-%s-%s", run->driver, run->uuid);
    g_autoptr(GKeyFile) note = g_key_file_new();
    char text[SIZE_MAX_NOTE];
    ssize_t length;

    *ret_unmarked = RL_UNMARKED_NOT;
    /* An attribute that is damaged names no file. */
    if (rl_image_owner_is_by_hand(run) || strchr(run->driver, '/') || strchr(run->uuid, '/'))
        return true;
    rl_autofd int fd = -1;
    do
        fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return errno == ENOENT || errno == EACCES ||
               rl_fail_errno(error, errno, "cannot open '%s', which says how a run ended", path);
    do
        length = read(fd, text, sizeof(text));
    while (length < 0 && errno == EINTR);
    if (length < 0)
        return rl_fail_errno(error, errno, "cannot read '%s', which says how a run ended", path);
    *ret_unmarked = RL_UNMARKED_IS_SAVED;
    if (length == 0 ||
        !g_key_file_load_from_data(note, text, (gsize) length, G_KEY_FILE_NONE, NULL))
        return true;
    g_autofree char *ending =
        g_key_file_get_string(note, RL_UNMARKED_GROUP, RL_UNMARKED_ENDING, NULL);
    if (!tells_of(note, run))
        *ret_unmarked = RL_UNMARKED_NOT;
    else if (g_strcmp0(ending, RL_UNMARKED_SAVED) != 0)
        *ret_unmarked = RL_UNMARKED_IS_KEPT;
    return true;
}
