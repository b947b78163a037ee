/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in this folder. */
#pragma once

#include <glib-object.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdbool.h>
#include <string.h>

#define NULLSTR(text) ((text) ? (text) : "<null>")
#define STREQ(a, b) (strcmp(a, b) == 0)

/* A choice that may be left open. */
typedef enum {
    VIR_TRISTATE_BOOL_ABSENT = 0,
    VIR_TRISTATE_BOOL_YES = 1,
    VIR_TRISTATE_BOOL_NO = 2,
} virTristateBool;
