#!/bin/sh
# The browser on processor BENCH_CORE alone, from its first moment. CHROME names another one than Debian's.
exec taskset -c "${BENCH_CORE:-0}" "${CHROME:-/usr/bin/chromium}" "$@"
