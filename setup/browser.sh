#!/usr/bin/env bash
# Chromium, in which tests open the report. Installs Debian's package when there is none and it is root.
set -euo pipefail
cd "$(dirname "$0")/.."
. setup/common.sh
have chromium || need_packages chromium
