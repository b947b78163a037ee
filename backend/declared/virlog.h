/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in this folder. The daemon's log. */
#pragma once

#include "internal.h"

#define VIR_LOG_WARN 3
#define VIR_LOG_ERROR 4

/* Of what writes: libvirt keeps what its filters say of it here. */
typedef struct {
    const char *name;
    unsigned int priority;
    unsigned int serial;
} virLogSource;

void virLogMessage(virLogSource *source, int priority, const char *file, int line,
                   const char *function, void *metadata, const char *format, ...)
    G_GNUC_PRINTF(7, 8);

#define VIR_LOG_INIT(text) \
    static G_GNUC_UNUSED virLogSource log_source = {.name = text, .priority = VIR_LOG_ERROR}

#define VIR_WARN(...) \
    virLogMessage(&log_source, VIR_LOG_WARN, __FILE__, __LINE__, __func__, NULL, __VA_ARGS__)
