/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "autofd.h"
#include "error.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define HOST_ID "/etc/machine-id"
#define NS_PER_US 1000

/* The short file @path, owned by the caller; NULL with an errno, 0 where it is empty. */
static char *
read_id(const char *path)
{
    char id[64];
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, id, sizeof(id));

    if (length == 0)
        errno = 0;
    return length > 0 ? g_strchomp(g_strndup(id, (gsize) length)) : NULL;
}

char *
rl_boot_host(void)
{
    return read_id(HOST_ID);
}

gint64
rl_boot_began_us(void)
{
    rl_autofd int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
    struct timespec since;
    struct statfs fs;
    struct stat st;

    if (fd < 0 || fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
        return 0;
    if (fs.f_type != PROC_SUPER_MAGIC)
        return (gint64) st.st_mtim.tv_sec * G_USEC_PER_SEC + st.st_mtim.tv_nsec / NS_PER_US;
    clock_gettime(CLOCK_BOOTTIME, &since);
    return g_get_real_time() - ((gint64) since.tv_sec * G_USEC_PER_SEC + since.tv_nsec / NS_PER_US);
}

char *
rl_boot_id(GError **error)
{
    char *id = read_id(BOOT_ID);

    if (id)
        return id;
    rl_fail_errno(error, errno ? errno : EIO,
                  "cannot read the boot id of the host from '" BOOT_ID "'");
    return NULL;
}
