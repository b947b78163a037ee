/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in this folder. */
#pragma once

#include "internal.h"

virConnectPtr virGetConnectStorage(void);
