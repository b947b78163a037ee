/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "harness/lab.h" // IWYU pragma: export
