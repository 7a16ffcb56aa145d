#!/usr/bin/env bash
# Fetch what the Kotlin tests run on, check every file, compile the tests' own Java beside it.
# Where Maven Central cannot be reached this says so and ends well: those tests are then skipped aloud.
set -euo pipefail
cd "$(dirname "$0")/../tests/mobile/kotlin"
jars=build/jars classes=build/classes
is_whole() { [ -d "$jars" ] && (cd "$jars" && sha256sum --quiet --check ../../jars.sha256) >/dev/null 2>&1; }

if ! is_whole; then
  echo "setup: fetching Segment's Kotlin SDK for the tests"
  rm -rf build && mkdir -p "$jars"
  proxy=()
  if [[ "${https_proxy:-${HTTPS_PROXY:-}}" =~ ^https?://([^:/@]+):([0-9]+) ]]; then
    proxy=("-Dhttps.proxyHost=${BASH_REMATCH[1]}" "-Dhttps.proxyPort=${BASH_REMATCH[2]}")
  fi
  timeout 180 java "${proxy[@]}" -jar /usr/share/java/ivy.jar -error -settings ivysettings.xml -ivy ivy.xml -confs default \
    -cache build/cache -retrieve "$jars/[artifact]-[revision].[ext]" >build/fetch.log 2>&1 || true
  if ! is_whole; then
    echo "setup: Maven Central did not give the files of tests/mobile/kotlin/jars.sha256 (see tests/mobile/kotlin/build/fetch.log)."
    echo "setup: the tests that run the Kotlin SDK will be skipped; 'make setup-test' tries again."
    rm -rf "$jars"
    exit 0
  fi
  rm -rf build/cache
fi

rm -rf "$classes" && mkdir -p "$classes"
python3 -c "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract('classes.jar', 'build')" "$jars"/braze-segment-kotlin-*.aar
path="$(printf '%s:' "$jars"/*.jar)build/classes.jar"
mapfile -t sources < <(find . -name '*.java' -not -path './build/*' | sort)
java -jar "$jars"/ecj-*.jar -17 -nowarn -proc:none -classpath "$path" -d "$classes" "${sources[@]}"
