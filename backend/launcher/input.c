/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/autofd.h"

/* Above all that the hook program reads (xml/domain.h). */
#define TEXT_MAX (64 << 20)
/* What a pipe takes: pipe(7). */
#define PIPE_SIZE (64 << 10)

char *
rl_input_read(void)
{
    size_t size = 1 << 16, length = 0;
    char *text = malloc(size);

    while (text && size <= TEXT_MAX) {
        ssize_t n = read(STDIN_FILENO, text + length, size - length - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        length += (size_t) n;
        text[length] = '\0';
        if (n == 0 && strlen(text) == length)
            return text;
        if (n == 0)
            break;
        if (length + 1 < size)
            continue;
        size *= 2;
        char *larger = realloc(text, size);
        if (!larger)
            break;
        text = larger;
    }
    free(text);
    return NULL;
}

/* Copies what lies in standard input to another pipe; -1 where it is none. */
static int
copy_pipe(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    struct stat st;
    int ends[2];

    if (fstat(STDIN_FILENO, &st) < 0 || !S_ISFIFO(st.st_mode) || pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    rl_autofd int copy = ends[0], writable = ends[1];
    while (poll(&input, 1, -1) < 0)
        if (errno != EINTR)
            return -1;
    if (tee(STDIN_FILENO, writable, PIPE_SIZE, SPLICE_F_NONBLOCK) < 0)
        return -1;
    return rl_fd_steal(&copy);
}

char *
rl_input_peek(void)
{
    rl_autofd int copy = copy_pipe();
    char *text = copy < 0 ? NULL : malloc(PIPE_SIZE + 1);
    size_t length = 0;
    ssize_t n = -1;

    while (text && length < PIPE_SIZE && (n = read(copy, text + length, PIPE_SIZE - length)) > 0)
        length += (size_t) n;
    if (text && n >= 0) {
        text[length] = '\0';
        if (strlen(text) == length)
            return text;
    }
    free(text);
    return NULL;
}
