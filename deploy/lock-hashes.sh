#!/bin/sh
# Write requirements*.lock: the packages of requirements*.txt with the SHA-256 of each of their files, for all platforms.
#
#   make lock-hashes
#
# Needs uv, and a package index that answers for every package (UV_DEFAULT_INDEX names another). If one is missing, no file
# is changed. Python 3.11.5 is the oldest that all packages support.
set -eu
cd "$(dirname "$0")/.."
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT

for file in requirements*.txt; do
    lock=${file%.txt}.lock
    {
        echo "# Made by \`make lock-hashes\` from $file. Do not edit."
        sed -n 's/^-r \(.*\)\.txt$/-r \1.lock/p' "$file"
    } > "$new/$lock"
    grep -v '^-r ' "$file" | uv pip compile - --quiet --no-deps --generate-hashes --universal --python-version 3.11.5 \
        --no-header --no-annotate >> "$new/$lock"
done
cp "$new"/*.lock .
echo "Wrote $(echo requirements*.lock)."
