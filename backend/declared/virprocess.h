/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in this folder. */
#pragma once

#include "internal.h"

int virProcessGetStartTime(pid_t pid, unsigned long long *ret_started);
