//! YAML read by Python's `ruamel.yaml`, which comes with `check-jsonschema`, and checked against published schemas by that.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

const READ: &str = "import json, sys; from ruamel.yaml import YAML; json.dump(YAML(typ='safe').load(open(sys.argv[1])), sys.stdout)";

/// The document in a file.
pub(crate) fn read(path: &Path) -> Value {
    let output = run(Command::new("python3").args(["-c", READ]).arg(path));
    serde_json::from_str(&output).unwrap()
}

/// Checks a file against one of the schemas that `check-jsonschema` has in it.
pub(crate) fn check(path: &Path, schema: &str) {
    run(Command::new("check-jsonschema").args(["--builtin-schema", schema]).arg(path));
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}; run tests/install.sh"));
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", told(&output.stdout), told(&output.stderr));
    told(&output.stdout)
}
