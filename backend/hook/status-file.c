/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "status-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/dirfd.h"

#define OTHERS_MAY_WRITE (S_IWGRP | S_IWOTH)

/* The daemon's files are root's; who else could write them could say how a run has ended. Its
 * directory is root's, or the device models' user's: libvirt 11.3.0 gives it to that with the
 * parent of the directory "channel" (qemuStateInitialize()). That user can remove and rename what
 * is in it, but can make no file that is root's. */
static bool
require_alone(int fd, const char *what, bool by_root, GError **error)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return rl_fail_errno(error, errno, "cannot examine '%s'", what);
    if ((st.st_uid == 0 || !by_root) && !(st.st_mode & OTHERS_MAY_WRITE))
        return true;
    return rl_fail(error, RL_ERROR_UNTRUSTED,
                   "'%s' cannot be trusted: others than %s can write to it", what,
                   by_root ? "root" : "its owner");
}

static char *
read_file(const char *name, size_t *ret_length, GError **error)
{
    g_autofree char *path = g_build_filename(RL_QEMU_STATUS_DIR, name, NULL);
    rl_autofd int dir = open(RL_QEMU_STATUS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0) {
        rl_fail_errno(error, errno, "cannot open '%s'", RL_QEMU_STATUS_DIR);
        return NULL;
    }
    if (!require_alone(dir, RL_QEMU_STATUS_DIR, false, error))
        return NULL;
    rl_autofd int fd = rl_dirfd_open_file(dir, name, O_RDONLY, error);
    if (fd < 0 || !require_alone(fd, path, true, error))
        return NULL;
    return rl_dirfd_read_opened(fd, path, RL_STATUS_SIZE_MAX, ret_length, error);
}

bool
rl_status_file_is_latest(void)
{
    struct stat st;

    return stat(RL_QEMU_STATUS_DIR, &st) == 0 && st.st_uid == 0 && !(st.st_mode & OTHERS_MAY_WRITE);
}

/* The text of the status file, owned by the caller, and its *@ret_name. */
static char *
read_text(const RlDomain *domain, char **ret_name, size_t *ret_length, GError **error)
{
    *ret_name = g_strdup_printf("%s.xml", domain->name);
    if (!strchr(domain->name, '/'))
        return read_file(*ret_name, ret_length, error);
    rl_fail(error, RL_ERROR_INVALID,
            "domain '%s' has no status file, since its name contains a '/'", domain->name);
    return NULL;
}

RlDomain *
rl_status_file_read_domain(const RlDomain *domain, GError **error)
{
    g_autofree char *name = NULL;
    size_t length;
    g_autofree char *text = read_text(domain, &name, &length, error);

    return text ? rl_xml_domain_parse_kept(text, length, name, error) : NULL;
}

RlStatus *
rl_status_file_read(const RlDomain *domain, GError **error)
{
    g_autofree char *name = NULL;
    size_t length;
    g_autofree char *text = read_text(domain, &name, &length, error);
    g_autoptr(RlStatus) status = text ? rl_xml_status_parse(text, length, name, error) : NULL;
    if (!status)
        return NULL;
    if (strcmp(status->uuid, domain->uuid) != 0) {
        rl_fail(error, RL_ERROR_INVALID, "'%s/%s' belongs to domain %s, not to %s",
                RL_QEMU_STATUS_DIR, name, status->uuid, domain->uuid);
        return NULL;
    }
    return g_steal_pointer(&status);
}
