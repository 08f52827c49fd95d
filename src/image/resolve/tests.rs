//! Inputs as builders write them, and as attackers do.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::*;
use crate::image::Platform;
use crate::problem::ProblemKind as Kind;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// An archive or layout in memory.
#[derive(Default)]
struct Store {
    documents: HashMap<BlobRef, Vec<u8>>,
    layers: HashSet<BlobRef>,
    index: Option<Vec<u8>>,
    docker_manifest: Option<Vec<u8>>,
}

impl Documents for Store {
    fn document(&self, blob: &BlobRef) -> Option<&[u8]> {
        self.documents.get(blob).map(Vec::as_slice)
    }

    fn exists(&self, blob: &BlobRef) -> bool {
        self.layers.contains(blob) || self.documents.contains_key(blob)
    }
}

impl Store {
    /// Stores `document` in the blobs of a layout and gives its descriptor.
    fn put(&mut self, media_type: &str, document: &Value) -> Value {
        let bytes = document.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        let descriptor = json!({"mediaType": media_type, "digest": digest, "size": bytes.len()});
        let path = format!("blobs/sha256/{}", digest.hex());
        self.documents.insert(BlobRef::Path(path), bytes.clone());
        self.documents.insert(BlobRef::Digest(digest), bytes);
        descriptor
    }

    /// Stores a layer and gives its descriptor.
    fn layer(&mut self, text: &str) -> Value {
        let digest = Digest::of(text.as_bytes());
        self.layers.insert(BlobRef::Digest(digest));
        self.layers.insert(BlobRef::Path(format!("blobs/sha256/{}", digest.hex())));
        absent_layer(text)
    }

    /// Stores an image of the layers `texts` and gives the descriptor of its manifest.
    fn image(&mut self, architecture: &str, texts: &[&str]) -> Value {
        let layers: Vec<Value> = texts.iter().map(|text| self.layer(text)).collect();
        let config = self.put(CONFIG, &config(architecture, texts));
        self.put(MANIFEST, &manifest(&config, &layers))
    }

    fn remove(&mut self, descriptor: &Value) {
        let digest: Digest = descriptor["digest"].as_str().unwrap().parse().unwrap();
        self.documents.remove(&BlobRef::Digest(digest));
        self.layers.remove(&BlobRef::Digest(digest));
    }

    fn index(&mut self, manifests: &[Value]) -> &mut Self {
        self.index = Some(index(manifests).to_string().into_bytes());
        self
    }

    fn docker(&mut self, entries: &Value) -> &mut Self {
        self.docker_manifest = Some(entries.to_string().into_bytes());
        self
    }

    fn resolve(&self) -> Resolution {
        self.resolve_with(&Selection::Available, &Limits::default())
    }

    fn resolve_with(&self, selection: &Selection, limits: &Limits) -> Resolution {
        let roots = Roots {
            index: self.index.as_deref(),
            docker_manifest: self.docker_manifest.as_deref(),
            ..Roots::default()
        };
        resolve(&roots, self, selection, limits)
    }
}

fn absent_layer(text: &str) -> Value {
    json!({"mediaType": LAYER, "digest": Digest::of(text.as_bytes()), "size": text.len()})
}

fn diff_id(text: &str) -> Digest {
    Digest::of(format!("plain {text}").as_bytes())
}

fn config(architecture: &str, texts: &[&str]) -> Value {
    let ids: Vec<Digest> = texts.iter().map(|text| diff_id(text)).collect();
    let history: Vec<Value> = texts.iter().map(|text| json!({"created_by": format!("RUN {text}")})).collect();
    json!({
        "architecture": architecture, "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": ids}, "history": history,
    })
}

fn manifest(config: &Value, layers: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers})
}

fn index(manifests: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})
}

fn with(mut descriptor: Value, key: &str, value: Value) -> Value {
    descriptor[key] = value;
    descriptor
}

fn named(descriptor: Value, name: &str) -> Value {
    with(descriptor, "annotations", json!({"org.opencontainers.image.ref.name": name}))
}

fn on(descriptor: Value, architecture: &str) -> Value {
    with(descriptor, "platform", json!({"os": "linux", "architecture": architecture}))
}

fn kinds(resolution: &Resolution) -> Vec<Kind> {
    resolution.problems.iter().map(|problem| problem.kind).collect()
}

fn platforms(resolution: &Resolution) -> Vec<String> {
    let platform = |image: &Image| image.platform.as_ref().map(Platform::to_string).unwrap_or_default();
    resolution.images.iter().map(platform).collect()
}

fn hex(descriptor: &Value) -> String {
    descriptor["digest"].as_str().unwrap().replace("sha256:", "")
}

#[test]
fn an_oci_layout_gives_its_image_with_steps_and_diff_ids() {
    let mut store = Store::default();
    let image = store.image("amd64", &["one", "two"]);
    let resolution = store.index(&[named(image.clone(), "app:1")]).resolve();
    assert_eq!(resolution.problems, []);
    let [found] = &resolution.images[..] else { panic!("{resolution:?}") };
    assert_eq!(found.names, ["app:1"]);
    assert_eq!(found.platform.as_ref().unwrap().to_string(), "linux/amd64");
    assert_eq!(found.manifest.unwrap().hex(), hex(&image));
    assert_eq!(found.layers[1].diff_id, Some(diff_id("two")));
    assert_eq!(found.layers[1].step, Some(1));
    assert_eq!(found.layers[1].size, Some(3));
    assert_eq!(found.steps[0].layer, Some(0));
    assert_eq!(found.steps[0].created_by, "RUN one");
    // Manifest, config and two layers.
    assert_eq!(resolution.referenced.len(), 4);
    assert!(resolution.deselected.is_empty());
}

#[test]
fn a_legacy_archive_names_its_blobs_by_path() {
    let mut store = Store::default();
    let bytes = config("arm64", &["one"]).to_string().into_bytes();
    let digest = Digest::of(&bytes);
    let name = format!("{}.json", digest.hex());
    store.documents.insert(BlobRef::Path(name.clone()), bytes);
    store.layers.insert(BlobRef::Path("0a/layer.tar".into()));
    let entries = json!([{"Config": name, "RepoTags": ["app:latest"], "Layers": ["./0a/layer.tar"]}]);
    let resolution = store.docker(&entries).resolve();
    assert_eq!(resolution.problems, []);
    let image = &resolution.images[0];
    assert_eq!((image.config, image.manifest), (Some(digest), None));
    assert_eq!(image.names, ["app:latest"]);
    assert_eq!(image.layers[0].blob, BlobRef::Path("0a/layer.tar".into()));
    assert_eq!(image.layers[0].diff_id, Some(diff_id("one")));
    assert_eq!(platforms(&resolution), ["linux/arm64"]);
}

#[test]
fn archives_of_kaniko_jib_and_bazel_name_their_blobs_in_their_own_ways() {
    let bytes = config("amd64", &["one"]).to_string().into_bytes();
    let hex = Digest::of(&bytes).hex();
    for (config, layer) in [
        (format!("sha256:{hex}"), format!("{}.tar.gz", "1a".repeat(32))),
        ("config.json".to_owned(), format!("{}.tar.gz", "1a".repeat(32))),
        (format!("blobs/sha256/{hex}"), format!("blobs/sha256/{}.tar.gz", "1a".repeat(32))),
        (format!("{hex}.json"), format!("{}/layer.tar", "1a".repeat(32))),
    ] {
        let mut store = Store::default();
        store.documents.insert(BlobRef::Path(config.clone()), bytes.clone());
        store.layers.insert(BlobRef::Path(layer.clone()));
        let resolution =
            store.docker(&json!([{"Config": config, "RepoTags": ["app"], "Layers": [layer]}])).resolve();
        assert_eq!(resolution.problems, [], "{config}");
        let image = &resolution.images[0];
        assert_eq!(image.config.unwrap().hex(), hex);
        assert_eq!((image.layers[0].digest, image.layers[0].diff_id), (None, Some(diff_id("one"))));
    }
}

#[test]
fn a_config_that_is_not_there_goes_by_the_digest_in_its_name() {
    let mut store = Store::default();
    store.layers.insert(BlobRef::Path("0a/layer.tar".into()));
    let hex = "0b".repeat(32);
    let resolution =
        store.docker(&json!([{"Config": format!("{hex}.json"), "Layers": ["0a/layer.tar"]}])).resolve();
    assert_eq!(kinds(&resolution), [Kind::Missing]);
    assert_eq!(resolution.images[0].config.unwrap().hex(), hex);
}

/// The `manifest.json` entry that Docker 25 writes beside `index.json` for an image in `store`.
fn docker_entry(store: &Store, image: &Value, tag: &str) -> Value {
    let bytes = &store.documents[&BlobRef::Path(format!("blobs/sha256/{}", hex(image)))];
    let manifest: Value = serde_json::from_slice(bytes).unwrap();
    let path = |descriptor: &Value| format!("blobs/sha256/{}", hex(descriptor));
    let layers: Vec<String> = manifest["layers"].as_array().unwrap().iter().map(path).collect();
    json!({"Config": path(&manifest["config"]), "RepoTags": [tag], "Layers": layers})
}

#[test]
fn two_manifests_of_one_image_are_one_image_with_the_names_of_both() {
    let mut store = Store::default();
    let image = store.image("amd64", &["one", "two"]);
    let entry = docker_entry(&store, &image, "app:latest");
    let annotations = json!({
        "io.containerd.image.name": "docker.io/library/app:latest",
        "org.opencontainers.image.ref.name": "latest",
    });
    store.index(&[with(image, "annotations", annotations)]).docker(&json!([entry]));
    let resolution = store.resolve();
    assert_eq!(resolution.problems, []);
    assert_eq!(resolution.images.len(), 1);
    assert_eq!(resolution.images[0].names, ["app:latest"]);
    assert_eq!(resolution.images[0].layers[0].size, Some(3));
}

#[test]
fn manifests_that_disagree_are_both_kept() {
    let mut store = Store::default();
    let image = store.image("amd64", &["one", "two"]);
    let mut entry = docker_entry(&store, &image, "app:latest");
    let third = hex(&store.layer("three"));
    entry["Layers"][1] = json!(format!("blobs/sha256/{third}"));
    let other = store.image("amd64", &["four"]);
    let unknown = docker_entry(&store, &other, "other:latest");
    store.index(&[image]).docker(&json!([entry, unknown]));
    let resolution = store.resolve();
    assert_eq!(kinds(&resolution), [Kind::Mismatch, Kind::Mismatch]);
    assert_eq!(resolution.images.len(), 3);
    let layers: Vec<_> = resolution.images.iter().flat_map(|image| &image.layers).collect();
    assert!(layers.iter().any(|layer| layer.blob.to_string().ends_with(&third)));
}

#[test]
fn a_save_of_the_containerd_store_has_an_entry_for_one_of_its_platforms() {
    let mut store = Store::default();
    let (amd, arm, _) = multi_platform(&mut store);
    let entry = docker_entry(&store, &amd, "multi:latest");
    store.docker(&json!([entry]));
    store.remove(&arm);
    let resolution = store.resolve();
    assert_eq!(kinds(&resolution), [Kind::Note]);
    assert_eq!(platforms(&resolution), ["linux/amd64"]);
    assert_eq!(resolution.images[0].names, ["multi:latest", "multi:1"]);
    let other: Selection = "linux/arm64".parse().unwrap();
    store.image("arm64", &["arm"]);
    let resolution = store.resolve_with(&other, &Limits::default());
    assert_eq!((platforms(&resolution), kinds(&resolution)), (vec!["linux/arm64".to_owned()], vec![]));
}

#[test]
fn an_index_and_a_config_that_name_other_platforms_are_noted() {
    let mut store = Store::default();
    let image = store.image("amd64", &["one"]);
    let resolution = store.index(&[on(image, "arm64")]).resolve();
    assert_eq!(kinds(&resolution), [Kind::Note]);
    assert_eq!(platforms(&resolution), ["linux/arm64"]);
}

#[test]
fn several_images_and_several_names_of_one_are_told_apart() {
    let mut store = Store::default();
    let (one, two) = (store.image("amd64", &["one"]), store.image("amd64", &["two"]));
    store.index(&[named(one.clone(), "a"), named(two, "b"), named(one, "c")]);
    let resolution = store.resolve();
    assert_eq!(resolution.problems, []);
    let names: Vec<_> = resolution.images.iter().map(|image| image.names.clone()).collect();
    assert_eq!(names, [vec!["a", "c"], vec!["b"]]);
}

/// A multi-platform image with provenance, as `BuildKit` writes it: an index in the index.
fn multi_platform(store: &mut Store) -> (Value, Value, Value) {
    let (amd, arm) = (store.image("amd64", &["x86"]), store.image("arm64", &["arm"]));
    let statement =
        store.put("application/vnd.in-toto+json", &json!({"_type": "https://in-toto.io/Statement/v0.1"}));
    let predicate = json!({"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"});
    let statement = with(statement, "annotations", predicate);
    let config = store.put(CONFIG, &json!({"architecture": "unknown", "os": "unknown", "rootfs": {}}));
    let attestation = store.put(MANIFEST, &manifest(&config, &[statement]));
    let about = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": amd["digest"],
    });
    let attestation = with(
        with(attestation, "annotations", about),
        "platform",
        json!({"os": "unknown", "architecture": "unknown"}),
    );
    let inner = index(&[on(amd.clone(), "amd64"), on(arm.clone(), "arm64"), attestation.clone()]);
    let inner = store.put(INDEX, &inner);
    store.index(&[named(inner, "multi:1")]);
    (amd, arm, attestation)
}

#[test]
fn every_platform_that_is_there_becomes_an_image_with_the_name_of_the_index() {
    let mut store = Store::default();
    let (amd, ..) = multi_platform(&mut store);
    let resolution = store.resolve();
    assert_eq!(resolution.problems, []);
    assert_eq!(platforms(&resolution), ["linux/amd64", "linux/arm64"]);
    assert!(resolution.images.iter().all(|image| image.names == ["multi:1"]));
    let [attestation] = &resolution.attestations[..] else { panic!("{resolution:?}") };
    assert_eq!(attestation.subject.unwrap().hex(), hex(&amd));
    assert_eq!(attestation.predicate_type.as_deref(), Some("https://slsa.dev/provenance/v0.2"));
    assert!(resolution.referenced.contains(&attestation.blob));
}

#[test]
fn a_chosen_platform_leaves_the_others_out_but_no_attestation() {
    let mut store = Store::default();
    let (_, arm, _) = multi_platform(&mut store);
    let selection: Selection = "linux/x86_64".parse().unwrap();
    let resolution = store.resolve_with(&selection, &Limits::default());
    assert_eq!(platforms(&resolution), ["linux/amd64"]);
    assert_eq!(resolution.problems, []);
    assert_eq!(resolution.attestations.len(), 1);
    assert_eq!(resolution.deselected.len(), 3);
    let arm: Digest = arm["digest"].as_str().unwrap().parse().unwrap();
    assert!(resolution.deselected.contains(&BlobRef::Digest(arm)));
    assert!(resolution.deselected.is_disjoint(&resolution.referenced));
}

#[test]
fn a_platform_that_nobody_has_is_a_gap_that_lists_those_there() {
    let mut store = Store::default();
    multi_platform(&mut store);
    let resolution = store.resolve_with(&"linux/s390x".parse().unwrap(), &Limits::default());
    assert!(resolution.images.is_empty());
    assert_eq!(kinds(&resolution), [Kind::Missing]);
    assert!(resolution.problems[0].message.contains("linux/amd64, linux/arm64"));
}

#[test]
fn platforms_that_were_not_saved_are_noted_unless_all_are_asked_for() {
    let mut store = Store::default();
    let (_, arm, attestation) = multi_platform(&mut store);
    store.remove(&arm);
    store.remove(&attestation);
    let resolution = store.resolve();
    assert_eq!(platforms(&resolution), ["linux/amd64"]);
    assert_eq!(kinds(&resolution), [Kind::Note, Kind::Note]);
    let resolution = store.resolve_with(&Selection::All, &Limits::default());
    assert_eq!(kinds(&resolution), [Kind::Missing, Kind::Missing]);
    let resolution = store.resolve_with(&"linux/arm64".parse().unwrap(), &Limits::default());
    assert!(kinds(&resolution).contains(&Kind::Missing));
}

#[test]
fn layers_that_were_not_saved_are_a_note_beside_a_whole_platform_and_else_a_gap() {
    let mut store = Store::default();
    multi_platform(&mut store);
    store.remove(&absent_layer("arm"));
    let resolution = store.resolve();
    assert_eq!(platforms(&resolution), ["linux/amd64"]);
    assert_eq!(kinds(&resolution), [Kind::Note]);
    store.remove(&absent_layer("x86"));
    let resolution = store.resolve();
    assert_eq!(platforms(&resolution), ["linux/amd64", "linux/arm64"]);
    assert_eq!(kinds(&resolution), [Kind::Missing, Kind::Missing]);
}

#[test]
fn one_layer_of_several_missing_is_always_a_gap() {
    let mut store = Store::default();
    let (one, two) = (store.image("amd64", &["a", "b"]), store.image("arm64", &["c"]));
    store.index(&[on(one, "amd64"), on(two, "arm64")]);
    store.remove(&absent_layer("b"));
    let resolution = store.resolve();
    assert_eq!(resolution.images.len(), 2);
    assert_eq!(kinds(&resolution), [Kind::Missing]);
    assert!(resolution.problems[0].message.contains("layer 2 of 2"));
}

#[test]
fn a_single_manifest_that_is_not_there_is_a_gap() {
    let mut store = Store::default();
    let image = store.image("amd64", &["a"]);
    store.remove(&image);
    assert_eq!(kinds(&store.index(&[on(image, "amd64")]).resolve()), [Kind::Missing]);
}

#[test]
fn a_missing_config_leaves_the_layers() {
    let mut store = Store::default();
    let layer = store.layer("a");
    let config = json!({"mediaType": CONFIG, "digest": Digest::of(b"gone"), "size": 4});
    let image = store.put(MANIFEST, &manifest(&config, &[layer]));
    let resolution = store.index(&[image]).resolve();
    assert_eq!(resolution.images[0].layers.len(), 1);
    assert_eq!(kinds(&resolution), [Kind::Missing]);
}

#[test]
fn a_foreign_layer_is_unsupported_only_while_it_is_elsewhere() {
    let mut store = Store::default();
    let config = store.put(CONFIG, &config("amd64", &["foreign"]));
    let foreign = json!({
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": Digest::of(b"foreign"), "size": 7, "urls": ["https://u:p@host/layer?sig=1"],
    });
    let image = store.put(MANIFEST, &manifest(&config, &[foreign]));
    store.index(&[image]);
    let resolution = store.resolve();
    assert_eq!(kinds(&resolution), [Kind::Unsupported]);
    assert!(resolution.problems[0].message.ends_with("https://host/layer"), "{:?}", resolution.problems);
    store.layer("foreign");
    assert_eq!(store.resolve().problems, []);
}

#[test]
fn other_digest_algorithms_are_gaps_that_keep_the_place_in_the_layout() {
    let mut store = Store::default();
    let config = store.put(CONFIG, &config("amd64", &["a"]));
    let digest = format!("sha512:{}", "ab".repeat(64));
    let layer = json!({"mediaType": LAYER, "digest": digest, "size": 1});
    let blob = BlobRef::Path(format!("blobs/sha512/{}", "ab".repeat(64)));
    store.layers.insert(blob.clone());
    let image = store.put(MANIFEST, &manifest(&config, &[layer]));
    let resolution = store.index(&[image]).resolve();
    assert_eq!(kinds(&resolution), [Kind::Unsupported]);
    assert_eq!(resolution.images[0].layers[0].blob, blob);
}

#[test]
fn counts_that_differ_are_a_mismatch_and_tie_nothing() {
    let mut store = Store::default();
    let layer = store.layer("a");
    let config = store.put(CONFIG, &config("amd64", &["a", "b"]));
    let image = store.put(MANIFEST, &manifest(&config, &[layer]));
    let resolution = store.index(&[image]).resolve();
    assert_eq!(kinds(&resolution), [Kind::Mismatch, Kind::Note]);
    let layer = &resolution.images[0].layers[0];
    assert_eq!((layer.diff_id, layer.step), (None, None));
}

#[test]
fn an_artifact_is_an_image_without_platform_and_a_note() {
    let mut store = Store::default();
    let chart = store.layer("chart");
    let config =
        store.put("application/vnd.cncf.helm.config.v1+json", &json!({"name": "chart", "version": "1"}));
    let helm = store.put(MANIFEST, &manifest(&config, std::slice::from_ref(&chart)));
    let empty =
        json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}"), "size": 2});
    let mut about = manifest(&empty, std::slice::from_ref(&chart));
    about["artifactType"] = json!("application/spdx+json");
    about["subject"] = helm.clone();
    let about = store.put(MANIFEST, &about);
    let old = json!({"mediaType": "application/vnd.oci.artifact.manifest.v1+json", "artifactType": "a/b", "blobs": [chart]});
    let old = store.put("application/vnd.oci.artifact.manifest.v1+json", &old);
    let resolution = store.index(&[helm, about, old]).resolve();
    assert_eq!(platforms(&resolution), ["", "", ""]);
    assert!(resolution.images.iter().all(|image| image.layers.len() == 1));
    assert_eq!(kinds(&resolution), [Kind::Note; 3]);
}

#[test]
fn the_newer_form_of_attestations_is_known_by_its_type() {
    let mut store = Store::default();
    let image = store.image("amd64", &["a"]);
    let statement = store.layer("statement");
    let empty = store.put("application/vnd.oci.empty.v1+json", &json!({}));
    let mut attestation = manifest(&empty, &[statement]);
    attestation["artifactType"] = json!("application/vnd.docker.attestation.manifest.v1+json");
    attestation["subject"] = image.clone();
    let attestation = store.put(MANIFEST, &attestation);
    let resolution = store.index(&[image.clone(), attestation]).resolve();
    assert_eq!(resolution.images.len(), 1);
    assert_eq!(resolution.attestations[0].subject.unwrap().hex(), hex(&image));
}

#[test]
fn indexes_are_followed_to_the_limit_and_no_further() {
    let mut store = Store::default();
    let mut inner = store.image("amd64", &["a"]);
    for _ in 0..3 {
        inner = store.put(INDEX, &index(&[inner]));
    }
    store.index(&[inner]);
    let depth =
        |depth| store.resolve_with(&Selection::Available, &Limits::default().with(Limit::Depth, depth));
    assert_eq!(depth(3).images.len(), 1);
    assert_eq!(kinds(&depth(2)), [Kind::Limit]);
}

#[test]
fn an_index_that_names_itself_ends() {
    let mut store = Store::default();
    let image = store.image("amd64", &["a"]);
    let digest = Digest::of(b"claimed");
    let me = json!({"mediaType": INDEX, "digest": digest, "size": 1});
    let cycle = index(&[named(me.clone(), "x"), named(me.clone(), "y"), me.clone(), image]).to_string();
    store.documents.insert(BlobRef::Digest(digest), cycle.into_bytes());
    let resolution = store.index(&[me]).resolve();
    assert_eq!(resolution.problems, []);
    assert_eq!(resolution.images[0].names, ["x", "y"]);
}

#[test]
fn a_thicket_of_indexes_stops_at_the_limit() {
    let mut store = Store::default();
    let blob = |level: usize| Digest::of(format!("level {level}").as_bytes());
    for level in 0..8 {
        let below: Vec<Value> = (0..40)
            .map(|n| {
                let below = json!({"mediaType": INDEX, "digest": blob(level + 1), "size": 1});
                named(below, &format!("{level}.{n}"))
            })
            .collect();
        store.documents.insert(BlobRef::Digest(blob(level)), index(&below).to_string().into_bytes());
    }
    let resolution = store.index(&[json!({"mediaType": INDEX, "digest": blob(0), "size": 1})]).resolve();
    assert!(kinds(&resolution).contains(&Kind::Limit));
}

#[test]
fn more_manifests_than_the_limit_are_a_gap() {
    let mut store = Store::default();
    let images: Vec<Value> = ["a", "b", "c"].iter().map(|text| store.image("amd64", &[text])).collect();
    let entries: Vec<Value> = images.iter().map(|image| docker_entry(&store, image, "t")).collect();
    let limits = Limits::default().with(Limit::Manifests, 2);
    store.index(&images);
    let resolution = store.resolve_with(&Selection::Available, &limits);
    assert_eq!((resolution.images.len(), kinds(&resolution)), (2, vec![Kind::Limit]));
    store.index = None;
    let resolution = store.docker(&json!(entries)).resolve_with(&Selection::Available, &limits);
    assert_eq!((resolution.images.len(), kinds(&resolution)), (2, vec![Kind::Limit]));
}

#[test]
fn a_folder_with_a_plain_manifest_is_one_image() {
    let mut store = Store::default();
    let image = store.image("amd64", &["a"]);
    let bytes = store.documents[&BlobRef::Path(format!("blobs/sha256/{}", hex(&image)))].clone();
    store.docker_manifest = Some(bytes);
    let resolution = store.resolve();
    assert_eq!(resolution.problems, []);
    assert_eq!(resolution.images[0].manifest.unwrap().hex(), hex(&image));
}

#[test]
fn without_an_index_the_manifests_that_are_there_are_used_and_then_the_configs() {
    let mut store = Store::default();
    let image = store.image("amd64", &["a"]);
    let inner = store.put(INDEX, &index(&[on(image.clone(), "amd64")]));
    let of = |descriptor: &Value| BlobRef::Path(format!("blobs/sha256/{}", hex(descriptor)));
    let manifests = [&image, &inner].map(|it| (of(it), store.document(&of(it)).unwrap()));
    let roots = Roots { manifests: manifests.to_vec(), ..Roots::default() };
    let resolution = resolve(&roots, &store, &Selection::Available, &Limits::default());
    assert_eq!((resolution.images.len(), kinds(&resolution)), (1, vec![Kind::Missing]));

    let bytes = config("amd64", &["a"]).to_string().into_bytes();
    let configs = vec![(BlobRef::Digest(Digest::of(&bytes)), bytes.as_slice())];
    store.layers.insert(BlobRef::Digest(diff_id("a")));
    let roots = Roots { configs, ..Roots::default() };
    let resolution = resolve(&roots, &store, &Selection::Available, &Limits::default());
    assert_eq!(kinds(&resolution), [Kind::Missing]);
    assert_eq!(resolution.images[0].layers[0].blob, BlobRef::Digest(diff_id("a")));
    assert_eq!(resolution.images[0].layers[0].step, Some(0));
    assert_eq!(resolution.images[0].config, Some(Digest::of(&bytes)));
}

#[test]
fn documents_of_the_wrong_kind_are_problems() {
    let mut store = Store::default();
    let old = store.put(MANIFEST, &json!({"schemaVersion": 1, "fsLayers": []}));
    let resolution = store.index(&[old]).docker(&json!({"a": 1})).resolve();
    assert_eq!(kinds(&resolution), [Kind::Damaged, Kind::Unsupported]);
    store.index = Some(b"[[[".to_vec());
    assert_eq!(kinds(&store.resolve()), [Kind::Damaged, Kind::Damaged]);
    let odd = json!([{"Config": 7, "Layers": [1, "../../a"]}, 3, {"Layers": null, "Config": "x.json"}]);
    store.index = None;
    let resolution = store.docker(&odd).resolve();
    assert_eq!(resolution.images.len(), 3);
    assert!(resolution.problems.iter().all(|problem| problem.kind.is_gap()));
}

mod hostile {
    use proptest::prelude::*;

    use super::*;

    /// JSON of any shape made of the words that the resolver reads.
    fn json() -> impl Strategy<Value = Value> {
        let key = prop::sample::select(vec![
            "manifests",
            "layers",
            "config",
            "digest",
            "size",
            "platform",
            "os",
            "architecture",
            "rootfs",
            "diff_ids",
            "history",
            "annotations",
            "subject",
            "Config",
            "Layers",
            "RepoTags",
            "blobs",
            "artifactType",
            "mediaType",
            "schemaVersion",
        ]);
        let digest = format!("sha256:{}", "0".repeat(64));
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::from(digest)),
            "[a-z:/.]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| fields
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_document_makes_it_panic(index in json(), list in json(), blob in json()) {
            let mut store = Store::default();
            let zero: Digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
            store.documents.insert(BlobRef::Digest(zero), blob.to_string().into_bytes());
            store.index = Some(index.to_string().into_bytes());
            store.docker_manifest = Some(list.to_string().into_bytes());
            let resolution = store.resolve();
            prop_assert!(resolution.deselected.is_disjoint(&resolution.referenced));
        }
    }
}
