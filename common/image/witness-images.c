/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "witness-images.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/image-owner.h"
#include "common/fs/dirfd.h"
#include "common/fs/file-error.h"
#include "common/fs/lease.h"
#include "common/pool/volume.h"
#include "suspect.h"

/* open(2): "Linux reserves the special, nonstandard access mode 3". */
#define NEITHER_READ_NOR_WRITE 3

static void
close_image(void *fd)
{
    rl_fd_close(fd);
}

GArray *
rl_witness_new(void)
{
    GArray *images = g_array_new(FALSE, FALSE, sizeof(int));

    g_array_set_clear_func(images, close_image);
    return images;
}

void
rl_witness_add(GArray *images, const RlPool *pool, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, &error);
    int fd = -1;

    if (volume && volume->kind != RL_KIND_PERSISTENT && volume->kind != RL_KIND_DIRECT)
        return;
    if (volume && images->len < RL_WITNESS_IMAGES_MAX)
        fd = rl_dirfd_open_file(volume->dir, volume->dirty_file, NEITHER_READ_NOR_WRITE, &error);
    if (fd >= 0)
        g_array_append_val(images, fd);
    else
        rl_log_warning("volume '%s': write errors of its image will go unnoticed: %s", name,
                       error ? error->message : "too many disks");
}

char *
rl_witness_link(int fd)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);

    return g_file_read_link(self, NULL);
}

/* The kernel has told nobody else: to this descriptor the image was open before its run. */
bool
rl_witness_mark(int fd, int code, GError **error)
{
    g_autofree char *label = rl_file_label(fd);

    rl_log_warning("%s: the kernel could not write it to the disk (%s). The image is suspect",
                   label, g_strerror(code));
    if (rl_suspect_mark(fd, error))
        return true;
    g_prefix_error(
        error,
        "%s: the kernel could not write it to the disk, and that cannot be recorded: ", label);
    return false;
}

/* Makes durable what was written to @fd if a run of @owner is on it, or any for NULL. */
bool
rl_witness_image_ask(int fd, const RlDomainRef *owner, GError **error)
{
    g_autoptr(RlImageOwner) run = NULL;

    if (!rl_image_owner_get(fd, &run, NULL) || !run)
        return true;
    bool ended = owner ? rl_image_owner_is_of(run, owner) : !rl_lease_has_writer(fd);
    return !ended || fsync(fd) == 0 || rl_witness_mark(fd, errno, error);
}

/* Does that for all of @images. */
bool
rl_witness_images_ask(const GArray *images, const RlDomainRef *owner, GError **error)
{
    g_autoptr(GError) first = NULL;

    for (guint i = 0; i < images->len; i++)
        rl_witness_image_ask(g_array_index(images, int, i), owner, first ? NULL : &first);
    if (!first)
        return true;
    g_propagate_error(error, g_steal_pointer(&first));
    return false;
}
