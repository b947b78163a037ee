# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What a build with -DSANITIZE=ON needs of the laboratory: to be used through lab.sh. Whatever a
# sanitizer reports, in a test's own programs, in the daemon, in hooks or in what they leave running,
# fails the test, even if nothing else went wrong.

# has_sanitizers: the build has them.
has_sanitizers()
{
    grep -q -s -x 'SANITIZE:BOOL=\(ON\|1\|TRUE\|YES\)' "$BUILD_DIR/CMakeCache.txt"
}

# sanitizer_options: what goes into the environment. Reports go to files, since most of these programs
# have no stderr that anybody reads. Leaks are valgrind's matter: nothing can look for them in a process
# that is traced, as many tests do, and the stock daemon leaks a lot itself.
sanitizer_options()
{
    echo "ASAN_OPTIONS=detect_leaks=0:handle_sigill=1:print_cmdline=1:log_path=$LAB/sanitizer.report"
}

# sanitizer_library: what has to be in a program that is not built so, before our modules are loaded.
sanitizer_library()
{
    ldd "$STAGE_DIR/bin/virt-reflink" | awk '$1 ~ /^libasan/ { print $3 }'
}

# For what the test runs itself. A daemon with the sanitizer does not always come to its end by itself.
sanitizers_begin()
{
    ! has_sanitizers || export "$(sanitizer_options)" LIBVIRTD_FAREWELL="${LIBVIRTD_FAREWELL:-5}"
}

# daemon_environment NAME=VALUE...: prints these, one a line, with what the stock daemon needs in
# addition to take our modules in. Other libraries that are preloaded come after the sanitizer's.
daemon_environment()
{
    local variable library

    if ! has_sanitizers; then
        [ $# = 0 ] || printf '%s\n' "$@"
        return
    fi
    # The guard comes first, and the sanitizer would have it otherwise.
    echo "$(sanitizer_options):verify_asan_link_order=0"
    library=$BUILD_DIR/tests/fork-guard.so:$(sanitizer_library)
    for variable in "$@"; do
        case $variable in
        LD_PRELOAD=*) library="$library:${variable#LD_PRELOAD=}" ;;
        *) echo "$variable" ;;
        esac
    done
    echo "LD_PRELOAD=$library"
}

# install_hook FILE [HOOK]: as an administrator links it. libvirt hands no options on to its hooks, so with
# sanitizers a script does. The process is called as the link would be. $HOOK_PRELOAD is one library more.
# The hook's worker loads libvirt's client library when it needs it; the XDR library below that has to
# be there from the beginning, or the sanitizer's own functions in front of it lead nowhere.
install_hook()
{
    local hook=${2:-$STAGE_DIR/sbin/libvirt-reflink-hook}

    rm -f "$1"
    if ! has_sanitizers; then
        ln -s "$hook" "$1"
        return
    fi
    {
        echo "#!/bin/bash"
        echo "export $(sanitizer_options)"
        echo "export LD_PRELOAD=$(sanitizer_library):$(xdr_library)\${HOOK_PRELOAD:+:\$HOOK_PRELOAD}"
        echo "exec -a \"\$0\" $hook \"\$@\""
    } >"$1"
    chmod 755 "$1"
}

xdr_library()
{
    ldd "$(type -P virsh)" | awk '$1 ~ /^libtirpc/ { print $3 }'
}

# no_sanitizer_reports: there is none; else they are printed.
no_sanitizer_reports()
{
    local report found=no

    for report in "$LAB"/sanitizer.report.*; do
        [ -e "$report" ] || continue
        found=yes
        echo "--- ${report##*/}:" >&2
        head -n 60 "$report" >&2
    done
    [ $found = no ]
}
