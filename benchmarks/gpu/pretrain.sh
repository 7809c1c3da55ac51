#!/bin/sh
# Pretraining at 224 pixels on a CUDA machine, in under 8 minutes: benchmarks/gpu/pretrain.sh [--workers 16] [--minutes 8]
# PYTHON names the interpreter, "python3" by default. sslecho is taken from this repository; nothing is downloaded.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python3}" "$here/benchmarks/gpu/pretrain.py" "$@"
