/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fdinfo.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/autofd.h"

/* Enough for the first lines; behind them is each lock that the process has on the file. */
#define FDINFO_SIZE 128

guint64
rl_fdinfo_flags(int process, const char *number)
{
    g_autofree char *name = g_strdup_printf("fdinfo/%s", number);
    rl_autofd int fd = openat(process, name, O_RDONLY | O_CLOEXEC);
    char text[FDINFO_SIZE + 1] = "";
    ssize_t length = fd < 0 ? -1 : read(fd, text, FDINFO_SIZE);
    const char *line = length > 0 ? strstr(text, "flags:") : NULL;

    return line ? g_ascii_strtoull(line + strlen("flags:"), NULL, 8) : O_RDONLY;
}
