# Sourced by the scripts beside it: makes sure that the workspace can be built here.
# Silent and quick when nothing is missing.

# A login shell finds cargo through its profile; a CI step or a fresh `su` may not.
if ! command -v cargo >/dev/null && [[ -x ${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo ]]; then
    PATH="${CARGO_HOME:-${HOME:-}/.cargo}/bin:$PATH"
fi
if ! command -v cargo >/dev/null; then
    echo "setup: cargo was not found; install a Rust toolchain (rustup.rs) and start again." >&2
    exit 1
fi

# The header shows that the C library's development files are there too, not just the compiler.
c_compiler_works() {
    echo '#include <stdio.h>' | cc -x c -fsyntax-only - >/dev/null 2>&1
}

install_c_compiler() {
    local become=()
    if ((EUID != 0)); then become=(sudo -n); fi
    command -v apt-get >/dev/null || return 1
    if ((EUID != 0)) && ! sudo -n true 2>/dev/null; then return 1; fi
    echo "setup: installing a C compiler" >&2
    "${become[@]}" apt-get update -qq >&2 || true # an older package list may still do
    "${become[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends gcc libc6-dev >&2
}

# SQLite is compiled from source, and the Rust linker calls `cc` as well.
if ! c_compiler_works && ! { install_c_compiler && c_compiler_works; }; then
    echo "setup: a C compiler is needed (for the bundled SQLite) and could not be installed here;" \
        "run 'apt-get install gcc libc6-dev' as root and start again." >&2
    exit 1
fi
