/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How far has a long operation got? */
#pragma once

#include <stdint.h>

/* Called now and then with @data: the operation has got to byte @at of @size, of which @moved were
 * moved. NULL where the caller does not want to know. */
typedef struct {
    void (*report)(uint64_t at, uint64_t size, uint64_t moved, void *data);
    void *data;
} RlProgress;
