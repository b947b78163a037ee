/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security-labels.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "common/base/log.h"
#include "file-error.h"

#define LABELS "trusted.libvirt.security."
/* Our attributes and libvirt's. */
#define NAMES_USUAL 1024

static void
forget(int fd, const char *name)
{
    if (fremovexattr(fd, name) == 0 || errno == ENODATA)
        return;
    g_autofree char *label = rl_file_label(fd);
    rl_log_warning("cannot remove libvirt's attribute '%s' of %s: %s", name, label,
                   g_strerror(errno));
}

/* The owner of an image can give it more attributes than flistxattr(2) lists. These are what
 * libvirt's drivers write (libvirt, src/security/security_util.c, as of 9.0). */
static void
forget_known(int fd)
{
    static const char *const drivers[] = {"dac", "selinux", "apparmor"};
    static const char *const parts[] = {"", "ref_", "timestamp_"};

    for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++)
        for (size_t j = 0; j < G_N_ELEMENTS(parts); j++) {
            g_autofree char *name = g_strconcat(LABELS, parts[j], drivers[i], NULL);
            forget(fd, name);
        }
}

static void
forget_listed(int fd, const char *names, size_t length)
{
    for (const char *name = names; name < names + length; name += strlen(name) + 1)
        if (g_str_has_prefix(name, LABELS))
            forget(fd, name);
}

void
rl_security_labels_forget(int fd)
{
    char names[NAMES_USUAL];
    ssize_t length = flistxattr(fd, names, sizeof(names));

    if (length < 0)
        forget_known(fd);
    else
        forget_listed(fd, names, (size_t) length);
}
