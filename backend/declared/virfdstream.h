/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in this folder. Streams on descriptors, which they take over. */
#pragma once

#include "internal.h"

int virFDStreamOpen(virStreamPtr stream, int fd);
int virFDStreamOpenBlockDevice(virStreamPtr stream, const char *path, unsigned long long offset,
                               unsigned long long length, bool sparse, int flags);
