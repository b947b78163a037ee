/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domain's XML, which libvirt writes to standard input. */
#pragma once

/**
 * rl_input_read:
 * What is left on standard input, owned by the caller (free()); NULL where that cannot be read, or
 * is longer than any domain. A program that has begun to look at the domain has read it to the end,
 * so what is whole here was not touched.
 */
char *rl_input_read(void);

/**
 * rl_input_peek:
 * What lies in the pipe that standard input is, at most 64 KiB of it, owned by the caller (free()).
 * It stays there for who reads it next. Waits until something is written to it. NULL where standard
 * input is no pipe.
 */
char *rl_input_peek(void);
