/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in this folder. Errors of this thread. */
#pragma once

#include "internal.h"

void virReportErrorHelper(int domain, int code, const char *file, const char *function, size_t line,
                          const char *format, ...) G_GNUC_PRINTF(6, 7);
void virErrorPreserveLast(virErrorPtr *ret_kept);
void virErrorRestore(virErrorPtr *kept);

#define virReportError(code, ...) \
    virReportErrorHelper(VIR_FROM_THIS, code, __FILE__, __func__, __LINE__, __VA_ARGS__)

#define virCheckFlags(known, failure)                                                      \
    do {                                                                                   \
        unsigned int unknown_flags = (flags) & ~(unsigned int) (known);                    \
        if (unknown_flags) {                                                               \
            virReportError(VIR_ERR_INVALID_ARG, "unsupported flags (0x%x) in function %s", \
                           unknown_flags, __func__);                                       \
            return failure;                                                                \
        }                                                                                  \
    } while (0)
