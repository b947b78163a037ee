/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "file-size-limit.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/base/error.h"

bool
rl_limit_allows_size(int fd, uint64_t size, GError **error)
{
    struct rlimit limit;
    struct stat st;

    if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
        size <= limit.rlim_cur || (fstat(fd, &st) == 0 && size <= (uint64_t) st.st_size))
        return true;
    return rl_fail_errno(error, EFBIG,
                         "%" G_GUINT64_FORMAT
                         " bytes exceed the file size limit of this process (LimitFSIZE= of the "
                         "service, ulimit -f: %" G_GUINT64_FORMAT " bytes)",
                         size, (uint64_t) limit.rlim_cur);
}
