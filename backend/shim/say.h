/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the shim has to say, at the daemon's start. libvirt's own log shows only warnings by default
 * (log_level in libvirtd.conf), so these lines go where that goes by default, whatever it shows:
 * to the daemon's stderr, which is the journal's under systemd, or to syslog for a daemon that has
 * let go of its stderr. */
#pragma once

/**
 * rl_shim_say:
 * Writes one line of @priority (syslog(3): LOG_INFO, LOG_WARNING). The journal gets the priority as
 * well (sd-daemon(3), SD_WARNING and its like).
 */
__attribute__((format(printf, 2, 3))) void rl_shim_say(int priority, const char *format, ...);
