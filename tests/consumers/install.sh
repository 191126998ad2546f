#!/bin/sh
# Installs what reads logs in tests/it/consumers.rs into target/consumers, by npm and pip.
# jq, lnav, node and hl are taken from the system.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p target/consumers
cd target/consumers
npm install --silent --no-save pino-pretty@13 bunyan@1
python3 -m venv python
python/bin/pip install --quiet duckdb
