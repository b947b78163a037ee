/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a process costs that does nothing. */
int
main(void)
{
    return 0;
}
