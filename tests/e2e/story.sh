# What the shell's stories share. To be sourced: TWINCAST_BIN, or the bin/ beside the tests; failed.
bin="${TWINCAST_BIN:-$(dirname "${BASH_SOURCE[0]}")/../../bin}"
failed=0

story() { # name, then a command that must succeed
        local name=$1
        shift
        echo "[ RUN      ] $name"
        if "$@"; then
                echo "[       OK ] $name"
        else
                echo "[  FAILED  ] $name"
                failed=1
        fi
}
