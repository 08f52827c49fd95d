#!/bin/bash
# usage: make.sh PYTHON...   Compile made.py with each Python; the tests read what it makes. Python 3.14 is in the npm package
# pyodide, which `pyodide.mjs` runs: node pyodide.mjs PACKAGE
set -euo pipefail
cd "$(dirname "$0")"
for python in "$@"; do
  "$python" -c '
import py_compile, sys
name = "made.%d%d.pyc" % sys.version_info[:2]
py_compile.compile("made.py", cfile=name, dfile="made.py", doraise=True)
'
done
