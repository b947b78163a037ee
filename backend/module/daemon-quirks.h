/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirts do in different ways. Where they only have different structures: backend/declared.
 */
#pragma once

#include "config.h"

/* A daemon of 11.3.0 ends or hangs when a stream fails while its data come, whatever kind of pool
 * it is for; one of 9.0.0, 12.8.0 or 12.9.0 does not. Of those between is not known which do. So a
 * stream goes on there, and fails at its end. */
#define RL_STREAM_FAILS_AT_END (LIBVIRT_NUMBER > 9000000 && LIBVIRT_NUMBER < 12008000)
