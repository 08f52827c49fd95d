//! What tools leave behind: in each of these a password is found, and the table says how it is seen.

use layersift::signature::template::expand;

use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::scanner::scanner;

/// Path, content in which `@` is the password, and what the report says was undone.
const LEFTOVERS: &[(&str, &str, Option<&str>)] = &[
    // Variables and arguments of a process are apart by zeros, in copies of `/proc` and in memory alike.
    ("srv/environ", "X=1\0DB_PASSWORD=@\0HOME=/root\0", None),
    ("srv/cmdline", "mysqld\0--password=@\0--port=1\0", None),
    ("srv/core.1", "\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x04\0PATH=/bin\0API_PASSWORD=@\0LANG=C\0", None),
    ("srv/swapfile", "\0\0\0\0SWAPSPACE2\0\0\0DB_PASSWORD=@\0\0", None),
    ("root/.bash_history", "export DB_PASSWORD=@\n", None),
    ("root/.zsh_history", ": 1700000000:0;export DB_PASSWORD=@\n", None),
    ("root/.local/share/fish/fish_history", "- cmd: set -x DB_PASSWORD @\n  when: 1700000000\n", None),
    ("root/.python_history", "db_password = '@'\n", None),
    ("root/.viminfo", "# Registers:\n\"\"1\tLINE\t0\n\tDB_PASSWORD=@\n", None),
    ("root/.lesshst", ".less-history-file:\n.search\n\"DB_PASSWORD=@\n", None),
    ("root/.git-credentials", "https://bob:@@git.corp.io\n", None),
    ("srv/config.py~", "db_password = '@'\n", None),
    ("srv/#app.env#", "DB_PASSWORD=@\n", None),
    (
        "srv/.ipynb_checkpoints/a.ipynb",
        "{\"cells\": [{\"source\": [\"import os\\n\", \"db_password = \\\"@\\\"\\n\"]}]}",
        None,
    ),
    ("srv/a.ipynb", "{\"cells\": [{\"outputs\": [{\"text\": [\"DB_PASSWORD=@\\n\"]}]}]}", None),
    (
        "srv/terraform.tfstate",
        "{\"resources\": [{\"instances\": [{\"attributes\": {\"password\": \"@\"}}]}]}",
        None,
    ),
    ("var/crash/x.crash", "ProblemType: Crash\nProcEnviron:\n LANG=C\n DB_PASSWORD=@\n", None),
    (
        "root/.npm/_cacache/index-v5/aa/bb/c",
        "\n0123456789abcdef\t{\"key\":\"https://u:@@npm.corp.io/x\"}",
        None,
    ),
    ("var/log/app.log.1.gz", "connect DB_PASSWORD=@\n", Some("gzip")),
];

#[test]
fn what_tools_leave_behind_is_found() {
    let image = LEFTOVERS.iter().map(|(path, text, undone)| {
        let mut content = text.replacen('@', &expand("Zk3x{base62:20}", path), 1).into_bytes();
        if undone.is_some() {
            content = Compression::Gzip.compress(&content);
        }
        (*path, content)
    });
    let image = ImageBuilder::new().step("COPY . / # buildkit", |layer| {
        image.fold(layer, |layer, (path, content)| layer.file(path, content))
    });
    let archive = (named("oci-archive").write)(&[image], Compression::Gzip).tar();
    let report = scanner().stdin(archive).args(["--min-confidence", "review"]).report();
    let findings = report.json["findings"].as_array().unwrap();
    for (path, _, undone) in LEFTOVERS {
        let place = findings
            .iter()
            .flat_map(|finding| finding["places"].as_array().unwrap())
            .find(|place| place["path"] == *path);
        let place = place.unwrap_or_else(|| panic!("{path}: not found in {:#}", report.json["findings"]));
        let undone: Vec<&str> = undone.iter().copied().collect();
        assert_eq!(place["decoded"], serde_json::json!(undone), "{path}");
    }
    assert_eq!(report.problems().len(), 0, "{:#?}", report.problems());
}
