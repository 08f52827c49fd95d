//! Layers of a few files and lists; of each file, who shipped it.

use std::collections::BTreeMap;

use super::*;
use crate::packages::kind_of;
use crate::stream::header::{Kind, Member};

#[derive(Default)]
struct Layer {
    paths: PathIndex,
    lists: Lists,
}

/// A layer from its files: path and content.
fn layer(files: &[(&str, &str)]) -> Layer {
    let mut layer = Layer::default();
    for (path, content) in files {
        let (path, records) = (path.as_bytes().to_vec(), BTreeMap::new());
        if let Some(kind) = kind_of(&path) {
            layer.lists.append(kind.read(&path, content.as_bytes(), 1_000_000), usize::MAX);
        }
        let member = Member { path, kind: Kind::File, size: 0, link: Vec::new(), records, long: false };
        layer.paths.add(&member, usize::MAX);
    }
    layer
}

/// Who shipped the file of that content in that layer; a content of none is one that is too large.
fn who(layers: &[Layer], at: usize, path: &str, content: Option<&str>) -> Option<String> {
    let layers: Vec<Option<LayerLists<'_>>> =
        layers.iter().map(|layer| Some(LayerLists { paths: &layer.paths, lists: &layer.lists })).collect();
    let content = content.map(|content| Heads::of(content.as_bytes()));
    let file = File { layer: at, path: AskedPath::text(path.as_bytes()), content };
    shipped_by(&layers, &[file]).remove(0)
}

const MD5_OF_ABC: &str = "900150983cd24fb0d6963f7d28e17f72";

fn dpkg(path: &str) -> (&'static str, String) {
    ("var/lib/dpkg/info/abc.md5sums", format!("{MD5_OF_ABC}  {path}\n"))
}

#[test]
fn a_listed_content_is_shipped_where_it_was_listed_and_in_copies_of_the_tree() {
    let (list, text) = dpkg("usr/share/abc/a");
    let layers = [layer(&[(list, &text)]), Layer::default()];
    for (at, path) in [(0, "usr/share/abc/a"), (1, "usr/share/abc/a"), (1, "srv/copy/share/abc/a")] {
        assert_eq!(who(&layers, at, path, Some("abc")).as_deref(), Some("dpkg abc"), "{path} in {at}");
    }
    for path in ["etc/key", "srv/abc/a", "a"] {
        assert_eq!(who(&layers, 1, path, Some("abc")), None, "{path}: somebody uses it");
    }
    for (at, path) in [(0, "usr/share/abc/a"), (1, "usr/share/abc/a"), (0, "usr/share/other")] {
        assert_eq!(who(&layers, at, path, Some("changed")), None, "{path} in {at}");
    }
}

#[test]
fn a_large_file_counts_in_the_layer_of_its_list() {
    let (list, text) = dpkg("lib/abc.so");
    let layers = [layer(&[(list, &text)]), Layer::default()];
    assert_eq!(who(&layers, 0, "usr/lib/abc.so", None).as_deref(), Some("dpkg abc"));
    assert_eq!(who(&layers, 1, "usr/lib/abc.so", None), None, "a later step changed it");
    assert_eq!(who(&layers, 0, "usr/lib/abd.so", None), None);
}

#[test]
fn a_package_that_is_not_public_excuses_nothing() {
    let record =
        ("p/abc-1.dist-info/RECORD", "abc.py,sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0,3\n");
    let public = [layer(&[record])];
    assert_eq!(who(&public, 0, "p/abc.py", Some("abc")).as_deref(), Some("Python package abc-1"));
    let private = [layer(&[record, ("p/abc-1.dist-info/direct_url.json", "{}")])];
    assert_eq!(who(&private, 0, "p/abc.py", Some("abc")), None);
    assert_eq!(who(&private, 0, "p/abc.py", None), None);
}

#[test]
fn a_compiled_file_belongs_to_whom_its_source_belongs() {
    let record =
        ("p/abc-1.dist-info/RECORD", "abc.py,sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0,3\n");
    let compiled = "p/__pycache__/abc.cpython-312.pyc";
    let installed = || layer(&[("p/abc.py", ""), record]);
    let who = |layers: &[Layer], at| who(layers, at, compiled, Some("compiled"));
    assert!(who(&[installed()], 0).is_some(), "compiled when it was installed");
    assert!(who(&[installed(), layer(&[(compiled, "")])], 1).is_some(), "compiled when it first ran");
    assert!(
        who(&[installed(), layer(&[("p/abc.py", ""), (compiled, "")])], 1).is_none(),
        "the source was changed"
    );
    assert!(who(&[layer(&[("p/abc.py", "")])], 0).is_none());
}

#[test]
fn a_source_that_is_known_to_be_changed_excuses_no_compiled_file() {
    let record =
        ("p/abc-1.dist-info/RECORD", "abc.py,sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0,3\n");
    let layer = layer(&[("p/abc.py", ""), record]);
    let layers = [Some(LayerLists { paths: &layer.paths, lists: &layer.lists })];
    let file = |path: &'static str, content: &str| File {
        layer: 0,
        path: AskedPath::text(path.as_bytes()),
        content: Some(Heads::of(content.as_bytes())),
    };
    let source = |content| {
        shipped_by(&layers, &[file("p/abc.py", content), file("p/abc.pyc", "compiled")])[1].is_some()
    };
    assert!(source("abc") && !source("changed"));
}

const MANIFEST: &str = r#"{"name":"abc","version":"1.0.0","license":"MIT"}"#;

#[test]
fn a_folder_counts_in_the_layer_of_its_manifest() {
    let manifest = ("app/node_modules/abc/package.json", MANIFEST);
    let layers = [layer(&[manifest]), Layer::default()];
    let who = |at, path: &str| who(&layers, at, path, Some("x"));
    assert_eq!(who(0, "app/node_modules/abc/lib/a.js").as_deref(), Some("npm abc"));
    assert_eq!(who(1, "app/node_modules/abc/lib/a.js"), None, "a later step changed it");
    for path in
        ["app/node_modules/abd/a.js", "app/a.js", "app/node_modules/.env", "app/node_modules/abc/.npmrc"]
    {
        assert_eq!(who(0, path), None, "{path}");
    }
}

#[test]
fn the_innermost_package_decides() {
    let private = r#"{"name":"own","version":"1.0.0","license":"MIT","private":true}"#;
    let layers = [layer(&[
        ("app/node_modules/abc/package.json", MANIFEST),
        ("app/node_modules/abc/node_modules/own/package.json", private),
    ])];
    assert!(who(&layers, 0, "app/node_modules/abc/a.js", Some("x")).is_some());
    assert!(who(&layers, 0, "app/node_modules/abc/node_modules/own/a.js", Some("x")).is_none());
}

#[test]
fn a_lock_file_knows_better_than_a_manifest() {
    let manifest = ("app/node_modules/abc/package.json", MANIFEST);
    let lock = |entry: &str| {
        layer(&[manifest, ("app/node_modules/.package-lock.json", &format!(r#"{{"packages":{{{entry}}}}}"#))])
    };
    let who = |layer: Layer| who(&[layer], 0, "app/node_modules/abc/a.js", Some("x"));
    assert!(who(lock(r#""node_modules/abc":{"resolved":"https://registry.npmjs.org/abc.tgz"}"#)).is_some());
    assert!(who(lock(r#""node_modules/abc":{"resolved":"https://npm.corp.example/abc.tgz"}"#)).is_none());
    assert!(who(lock(r#""node_modules/abc":{"resolved":"file:../abc.tgz","integrity":"x"}"#)).is_none());
    assert!(who(lock("")).is_none(), "what npm did not install");
}

#[test]
fn what_is_installed_above_a_folder_is_not_in_it() {
    let layers = [layer(&[("usr/local/lib/python3.12/_sysconfigdata_x.py", "")])];
    assert!(who(&layers, 0, "usr/local/lib/python3.12/urllib/request.py", Some("x")).is_some());
    assert!(who(&layers, 0, "usr/local/lib/python3.12/site-packages/own.py", Some("x")).is_none());
}

#[test]
fn a_layer_whose_private_packages_are_too_many_to_keep_excuses_nothing() {
    let list = "srv/node_modules/.package-lock.json";
    let entry = |n: usize| format!(r#""node_modules/b{n}":{{"link":true}}"#);
    let text = format!(r#"{{"packages":{{{}}}}}"#, (0..20).map(entry).collect::<Vec<_>>().join(","));
    let manifest = r#"{"name":"a","version":"1","license":"MIT"}"#;
    for (most, shipped) in [(1000, true), (10, false)] {
        let (dpkg, dpkg_text) = dpkg("usr/share/abc/a");
        let mut layer = layer(&[(dpkg, &dpkg_text), ("srv/node_modules/a/package.json", manifest)]);
        let path = list.as_bytes();
        layer.lists.append(kind_of(path).unwrap().read(path, text.as_bytes(), most), 1000);
        assert_eq!(layer.lists.lost(), !shipped);
        assert_eq!(who(&[layer], 0, "usr/share/abc/a", Some("abc")).is_some(), shipped);
    }
}
