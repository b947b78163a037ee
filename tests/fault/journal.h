/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the engine's log goes meanwhile: a socket in the place of the journal's, which nobody
 * reads. */
#pragma once

/**
 * journal_open:
 * Makes the socket. Ends the program where it fails.
 */
void journal_open(void);

/**
 * journal_empty:
 * Throws away what came so that there is room for more, for each run the same.
 */
void journal_empty(void);
