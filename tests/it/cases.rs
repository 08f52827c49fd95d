//! Every case of `testdata/cases` through every form in which its image can be saved: the same findings from each.
//!
//! A case is scanned as archive, folder and standard input, with its layers plain, gzip and zstd, plain ones by one thread and
//! by four; out of a registry, and out of one with TLS and a login; and out of Docker's engine and podman's. Each report must
//! hold what the case expects, and all reports must agree to the line and offset.

use std::fs;
use std::sync::OnceLock;

use crate::support::bundle::Bundle;
use crate::support::case::Case;
use crate::support::compression::Compression;
use crate::support::engine::{Engine, Kind};
use crate::support::expect::differences;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::registry::{PASSWORD, Registry, USER};
use crate::support::root;
use crate::support::scanner::{Report, scanner};

macro_rules! cases {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                run(&stringify!($name).replace('_', "-"));
            }
        )*

        #[test]
        fn every_file_of_cases_is_run() {
            let mut files: Vec<String> = fs::read_dir(root().join("testdata/cases"))
                .unwrap()
                .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().replace('-', "_"))
                .collect();
            files.sort();
            assert_eq!(files, [$(stringify!($name)),*]);
        }
    };
}

cases! {
    annotation
    attestation_build_arg
    binary_file_between_nuls
    build_args
    chunk_border_in_a_big_file
    deleted_file
    empty_layers_are_aligned
    encoded_texts
    env_history_and_file_are_one
    facts_of_credentials
    file_name_holds_a_secret
    files_of_known_formats
    hard_link_outlives_its_name
    healthcheck_cmd_and_onbuild
    history_counts_disagree
    label
    link_target_holds_a_secret
    nothing_to_find
    opaque_directory
    overwritten_file
    packages_of_debian_and_alpine
    packages_of_node
    packages_of_python
    parent_replaced_by_file
    parent_replaced_by_symlink
    parts_across_a_chunk_border
    parts_in_the_environment
    parts_of_a_key_pair
    path_is_not_text
    re_added_with_another_content
    secrets_in_base64
    several_platforms
    tar_headers
    utf16_file
    whiteout_after_files_of_its_layer
    whiteout_and_re_add_in_one_layer
}

fn run(name: &str) {
    let case = Case::read(name);
    let mut first: Option<(String, Report)> = None;
    for compression in COMPRESSIONS {
        for format in ["docker-legacy", "docker-25", "docker-containerd", "oci-archive"] {
            if case.needs_oci() && !named(format).oci {
                continue;
            }
            let bundle = (named(format).write)(&case.images(), compression);
            // Threads make no difference to how a layer is compressed: one thread and four are compared where it is not.
            let jobs = if compression == Compression::Plain { &["1", "4"][..] } else { &["4"] };
            for (form, report) in reports(&case, format, &bundle, jobs) {
                agree(&case, &mut first, format!("{form}, {compression:?}"), report);
            }
        }
    }
    for (form, report) in pulled(name, &case).into_iter().chain(exported(name, &case)) {
        agree(&case, &mut first, form, report);
    }
}

const COMPRESSIONS: [Compression; 3] = [Compression::Plain, Compression::Gzip, Compression::Zstd];

/// Whether a report holds what it should, and what the first one held.
fn agree(case: &Case, first: &mut Option<(String, Report)>, form: String, report: Report) {
    let differences = differences(case, &report);
    assert!(differences.is_empty(), "{} ({form})\n{}", case.about, differences.join("\n"));
    match first {
        Some((other, first)) => assert_eq!(first.comparable(), report.comparable(), "{other} = {form}"),
        None => *first = Some((form, report)),
    }
}

/// Out of a registry in each compression, and once out of one with TLS and a login.
fn pulled(name: &str, case: &Case) -> Vec<(String, Report)> {
    static PLAIN: OnceLock<Registry> = OnceLock::new();
    static CLOSED: OnceLock<Registry> = OnceLock::new();
    let write = |compression| (named("buildx-oci").write)(&case.images(), compression);
    let scan = |reference: &str| {
        let platforms = if case.images().len() > 1 { &["--platform", "all"][..] } else { &[] };
        scanner().args([reference]).args(platforms.iter().copied()).args(&case.args)
    };
    let mut all = Vec::new();
    let plain = PLAIN.get_or_init(Registry::plain);
    for compression in COMPRESSIONS {
        let tag = format!("cases/{name}:{}", format!("{compression:?}").to_lowercase());
        plain.push(&write(compression), &tag);
        let report = scan(&format!("registry:{}/{tag}", plain.address)).report();
        all.push((format!("registry, {compression:?}"), report));
    }
    let closed = CLOSED.get_or_init(Registry::with_login);
    let tag = format!("cases/{name}:1");
    closed.push(&write(Compression::Gzip), &tag);
    let login = ["--username", USER, "--password-stdin", "--registry-ca"];
    let scan = scan(&format!("{}/{tag}", closed.address)).args(login).path(&closed.file("ca.pem"));
    all.push(("registry with TLS and a login".into(), scan.input(PASSWORD).report()));
    all
}

/// Without overlay, storage removes what a layer itself brought before its whiteout, and cannot give the layer out any more.
const NOT_IN_ENGINES: [&str; 1] = ["whiteout-after-files-of-its-layer"];

/// Out of engines, which take what their form has room for.
fn exported(name: &str, case: &Case) -> Vec<(String, Report)> {
    static PODMAN: OnceLock<Engine> = OnceLock::new();
    let of_case = case.images();
    if NOT_IN_ENGINES.contains(&name) {
        return Vec::new();
    }
    if of_case.len() > 1 || of_case.iter().any(|image| !image.attestations.is_empty()) {
        // An engine of this age keeps one platform, and no attestations.
        return Vec::new();
    }
    let image = format!("{name}:1");
    let images: Vec<ImageBuilder> = case.images().into_iter().map(|of_case| of_case.name(&image)).collect();
    let archive = |format: &str| (named(format).write)(&images, Compression::Plain).tar();
    let mut engines = vec![("podman", PODMAN.get_or_init(|| Engine::start(Kind::Podman)), "oci-archive")];
    if !case.needs_oci() {
        engines.push(("docker", Engine::shared(), "docker-legacy"));
    }
    let mut all = Vec::new();
    for (which, engine, format) in engines {
        engine.load(&archive(format));
        let (variable, place) = engine.variable();
        for jobs in ["1", "4"] {
            let scan = scanner().env(variable, &place).args(["--jobs", jobs, &format!("{which}:{image}")]);
            all.push((format!("{which}, {jobs} jobs"), scan.args(&case.args).report()));
        }
    }
    all
}

/// Scans `bundle` in each way in which it can be handed over, by each number of threads.
fn reports(case: &Case, format: &str, bundle: &Bundle, jobs: &[&str]) -> Vec<(String, Report)> {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    let tar = bundle.tar();
    fs::write(&archive, &tar).unwrap();
    let layout = folder.path().join("layout");
    bundle.write_dir(&layout);
    let mut all = Vec::new();
    for jobs in jobs {
        let scan = || scanner().args(["--jobs", jobs]).args(&case.args);
        all.push((format!("{format} as file, {jobs} jobs"), scan().path(&archive).report()));
        all.push((format!("{format} from a pipe, {jobs} jobs"), scan().stdin(tar.clone()).report()));
        if format == "oci-archive" {
            all.push((format!("OCI layout folder, {jobs} jobs"), scan().path(&layout).report()));
        }
    }
    all
}
