// usage: node pyodide.mjs FOLDER   Compile made.py with the Python of the npm package pyodide, which lies in FOLDER.
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
const { loadPyodide } = await import(resolve(process.argv[2], "pyodide.mjs"));
const python = await loadPyodide();
python.FS.writeFile("made.py", readFileSync("made.py"));
const name = python.runPython(`
import py_compile, sys
name = "made.%d%d.pyc" % sys.version_info[:2]
py_compile.compile("made.py", cfile=name, dfile="made.py", doraise=True)
name`);
writeFileSync(name, python.FS.readFile(name));
