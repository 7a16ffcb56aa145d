#!/usr/bin/env bash
# Write the hashed locks of requirements/ from pyproject.toml. Run after a dependency changes.
set -euo pipefail
cd "$(dirname "$0")/.."
uv="${UV:-.venv/bin/uv}"
compile=("$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header)
"${compile[@]}" requirements/uv.in -o requirements/uv.txt
"${compile[@]}" pyproject.toml --group build --group demo -o requirements/run.txt
"${compile[@]}" pyproject.toml --group build --group demo --group dev -c requirements/run.txt -o requirements/dev.txt
