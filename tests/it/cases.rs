//! Every case of `testdata/cases` through every form in which its image can be saved: the same findings from each.
//!
//! A case is scanned as archive, folder and standard input, with its layers plain, gzip and zstd, by one thread and
//! by four. Each report must hold what the case expects, and all reports must agree to the line and offset.

use std::fs;

use crate::support::bundle::Bundle;
use crate::support::case::Case;
use crate::support::compression::Compression;
use crate::support::expect::differences;
use crate::support::formats::named;
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
    for compression in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
        for format in ["docker-legacy", "docker-25", "docker-containerd", "oci-archive"] {
            if case.needs_oci() && !named(format).oci {
                continue;
            }
            let bundle = (named(format).write)(&case.images(), compression);
            for (form, report) in reports(&case, format, &bundle) {
                let form = format!("{form}, {compression:?}");
                let differences = differences(&case, &report);
                assert!(differences.is_empty(), "{} ({form})\n{}", case.about, differences.join("\n"));
                match &first {
                    Some((other, first)) => {
                        assert_eq!(first.comparable(), report.comparable(), "{other} = {form}");
                    }
                    None => first = Some((form, report)),
                }
            }
        }
    }
}

/// Scans `bundle` in each way in which it can be handed over, by one thread and by four.
fn reports(case: &Case, format: &str, bundle: &Bundle) -> Vec<(String, Report)> {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    let tar = bundle.tar();
    fs::write(&archive, &tar).unwrap();
    let layout = folder.path().join("layout");
    bundle.write_dir(&layout);
    let mut all = Vec::new();
    for jobs in ["1", "4"] {
        let scan = || scanner().args(["--jobs", jobs]).args(&case.args);
        all.push((format!("{format} as file, {jobs} jobs"), scan().path(&archive).report()));
        all.push((format!("{format} from a pipe, {jobs} jobs"), scan().stdin(tar.clone()).report()));
        if format == "oci-archive" {
            all.push((format!("OCI layout folder, {jobs} jobs"), scan().path(&layout).report()));
        }
    }
    all
}
