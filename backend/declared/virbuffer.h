/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in this folder. Text that is being formatted. */
#pragma once

#include "internal.h"

typedef struct _virBuffer virBuffer;

void virBufferAddStr(virBuffer *buffer, const char *text);
