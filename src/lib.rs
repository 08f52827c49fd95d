//! layersift finds every credential that a container image leaks: in the files of every layer, deleted ones too, in
//! the build history, the configuration, annotations and attestations.
//!
//! One call does the whole job, and nothing of it is global: rules, limits and threads are passed in.
//!
//! ```
//! use layersift::scan::{Options, Scanner};
//! use layersift::signature::RuleSet;
//! use layersift::source::Input;
//!
//! let scanner = Scanner::new(RuleSet::embedded(), Options::default());
//! let image = Input::Path("testdata/demo/leaky.tar.gz".into());
//! let outcome = scanner.scan(&image, &())?; // `()` is a progress that keeps quiet
//! for finding in &outcome.findings {
//!     println!("{}: {} in {} places", finding.name, finding.secret, finding.places.len()); // redacted
//! }
//! assert!(outcome.findings.iter().any(|finding| finding.rule == "github-pat"));
//! assert!(!outcome.has_gaps(), "no finding means clean only if everything was looked at");
//! # Ok::<(), layersift::scan::ScanError>(())
//! ```
//!
//! [`guide`] shows more: one image, many images, and reports. `examples/` has programs to begin with.
//!
//! The feature `cli`, which is on unless it is turned off, is for the program alone: a library does without
//! (`default-features = false`).
//!
//! # Map of the crate
//!
//! From the ground up; a module names only those above it in this list, and never one of the other wing.
//!
//! | module | is |
//! |---|---|
//! | [`digest`], [`limits`], [`secret`], [`problem`] | what everything else is made of |
//! | [`image`] | image wing: manifests, layers, build steps, and every text of a document |
//! | [`stream`] | image wing: compressed bytes in, the entries of a tar out |
//! | [`source`] | image wing: where the bytes come from, a file, a folder, a pipe or a registry |
//! | [`content`] | image wing: what hides text inside a file's bytes |
//! | [`packages`] | image wing: which files of a layer packages shipped, and with what content |
//! | [`signature`] | matching wing: rules as data that carries its own proof |
//! | [`matcher`] | matching wing: bytes in, credentials out, the same for any chunking |
//! | [`findings`] | one credential with all its places; visibility, advice, redaction |
//! | [`scan`] | the whole job: map every blob, join the images |
//! | [`report`] | what people and programs read of it |
//! | `serve` | a service that scans what registries say was pushed; with the feature of that name |
//!
//! The program `layersift` is a thin layer on top: it turns what was typed into [`scan::Options`], and an
//! [`findings::Outcome`] into a report and an exit code.

#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/library.md")]
pub mod guide {}

pub mod content;
pub mod digest;
pub mod findings;
pub mod image;
pub mod limits;
pub mod matcher;
pub mod packages;
pub mod problem;
pub mod report;
pub mod scan;
pub mod secret;
#[cfg(feature = "serve")]
pub mod serve;
pub mod signature;
pub mod source;
pub mod stream;
