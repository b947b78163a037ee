/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the launcher has to say. As common/base/log.h, which needs GLib. */
#pragma once

/**
 * rl_say:
 * Writes one line to stderr, which libvirt shows where the call fails, and to the journal, or to
 * syslog where the journal is not there. Waits for neither, and nothing depends on them.
 */
__attribute__((format(printf, 1, 2))) void rl_say(const char *format, ...);
