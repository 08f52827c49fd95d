//! The advice, by the way in which the credential got into the image.

use super::super::{PlaceLayer, PlaceStep, StateBy, sample};
use super::*;

fn place(kind: PlaceKind, instruction: &str) -> Place {
    let step = (!instruction.is_empty()).then(|| PlaceStep {
        index: 4,
        instruction: instruction.into(),
        created_by: String::new(),
    });
    Place { step, ..sample::place(kind) }
}

fn named(kind: PlaceKind, name: &str) -> Place {
    Place { name: Some(name.into()), ..place(kind, "RUN") }
}

fn file(path: &str, instruction: &str) -> Place {
    Place {
        path: Some(path.into()),
        layer: Some(PlaceLayer { index: Some(2), digest: None, diff_id: None }),
        state: Some(State::Visible),
        ..place(PlaceKind::File, instruction)
    }
}

fn advice(places: &[Place]) -> String {
    let token = Credential { name: "Token", revoke: None };
    let lines = fix(&token, places);
    let between = &lines[1..lines.len() - 1];
    between.join("\n")
}

#[test]
fn revoking_comes_first_and_rebuilding_last() {
    let lines = |name, revoke| fix(&Credential { name, revoke }, &[]);
    insta::assert_snapshot!(lines("Token", Some("https://example.com/tokens")).join("\n"), @r"
    Revoke it now and issue a new one: https://example.com/tokens
    Rebuild, push under a new tag, and delete the old image from every registry: its layers and its history keep what was once in them.
    ");
    insta::assert_snapshot!(lines("Token", Some("Ask the service desk."))[0], @"Revoke it now and issue a new one. Ask the service desk.");
    insta::assert_snapshot!(lines("Token", None)[0], @"Revoke it now and issue a new one: everybody who can pull the image has it.");
    insta::assert_snapshot!(lines("RSA private key", None)[0], @"Replace this key pair now, and take its public half out of wherever it is trusted (authorized_keys, deploy keys, certificates): everybody who can pull the image has it.");
}

#[test]
fn a_build_argument_becomes_a_secret_mount_of_its_name() {
    insta::assert_snapshot!(advice(&[named(PlaceKind::BuildArg, "NPM_TOKEN")]), @"Build argument NPM_TOKEN: its value stays in the history. Remove the ARG, use `RUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN …` and build with `docker build --secret id=NPM_TOKEN,env=NPM_TOKEN .`.");
}

#[test]
fn an_argument_that_is_also_env_is_explained_once() {
    let places = [named(PlaceKind::BuildArg, "NPM_TOKEN"), named(PlaceKind::Env, "NPM_TOKEN")];
    insta::assert_snapshot!(advice(&places), @r"
    Build argument NPM_TOKEN: its value stays in the history. Remove the ARG, use `RUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN …` and build with `docker build --secret id=NPM_TOKEN,env=NPM_TOKEN .`.
    ENV NPM_TOKEN: everybody who can read the image's configuration reads it. Remove the ENV. If it is needed while building, the secret mount serves here too; if it is needed at run time, give it to the container (`docker run --env-file FILE`, or a secret of your orchestrator).
    ");
    insta::assert_snapshot!(advice(&places[1..]), @"ENV NPM_TOKEN: everybody who can read the image's configuration reads it. Remove the ENV. If it is needed while building, use `RUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN …` and build with `docker build --secret id=NPM_TOKEN,env=NPM_TOKEN .`; if it is needed at run time, give it to the container (`docker run --env-file FILE`, or a secret of your orchestrator).");
}

#[test]
fn a_name_that_a_shell_would_not_take_is_not_repeated() {
    for name in ["A B", "$(reboot)", "", "1ST", "-x", &"A".repeat(65)] {
        let line = advice(&[named(PlaceKind::BuildArg, name)]);
        assert!(line.starts_with("Build argument SECRET:"), "{line}");
    }
}

#[test]
fn a_run_line_is_named_unless_its_build_argument_is() {
    let history = place(PlaceKind::History, "RUN");
    insta::assert_snapshot!(advice(std::slice::from_ref(&history)), @"The RUN line of step 4 holds it, and the history keeps the line: use `RUN --mount=type=secret,id=SECRET,env=SECRET …` and build with `docker build --secret id=SECRET,env=SECRET .` and let the command read $SECRET.");
    let line = advice(&[history, named(PlaceKind::BuildArg, "NPM_TOKEN")]);
    assert!(!line.contains("The RUN line"), "{line}");
}

#[test]
fn a_copied_file_is_kept_out_of_the_context() {
    insta::assert_snapshot!(advice(&[file("app/.env", "COPY")]), @"`/app/.env` was put there by COPY: list it in .dockerignore, or copy only what the image needs. A step that needs the file gets it with `RUN --mount=type=secret,id=env,target=/app/.env …`.");
    let places = [file("app/.env", "COPY"), file("app/.git/config", "COPY"), file("app/.env", "COPY")];
    insta::assert_snapshot!(advice(&places), @r"
    `/app/.env` and 1 more file were put there by COPY: list them in .dockerignore, or copy only what the image needs. A step that needs the file gets it with `RUN --mount=type=secret,id=env,target=/app/.env …`.
    Keep the repository's history out of the image: list .git in .dockerignore.
    ");
}

#[test]
fn a_file_that_a_command_wrote_is_mounted_or_left_in_a_stage() {
    insta::assert_snapshot!(advice(&[file("root/.npmrc", "RUN")]), @"`/root/.npmrc` was written by the RUN of step 4: mount the secret for that step only (`RUN --mount=type=secret,id=npmrc,target=/root/.npmrc …`), or do the step in an earlier stage of a multi-stage build and COPY only its result.");
    let mut inside = file("opt/my app.tar", "RUN");
    inside.inner = vec!["x".into()];
    assert!(!advice(&[inside]).contains("--mount"));
}

#[test]
fn a_deleted_file_is_still_in_its_layer() {
    let mut deleted = file("app/.env", "COPY");
    deleted.state = Some(State::Deleted);
    let last = |place: &Place| advice(std::slice::from_ref(place)).lines().last().map(str::to_owned);
    insta::assert_snapshot!(last(&deleted).unwrap(), @"Layer 2 still holds `/app/.env` although it was deleted: a later rm does not help, because every layer can be extracted by itself.");
    deleted.state_by = Some(StateBy { layer: 3, step: None });
    insta::assert_snapshot!(last(&deleted).unwrap(), @"Layer 2 still holds `/app/.env` although layer 3 deleted it: a later rm does not help, because every layer can be extracted by itself.");
    deleted.state = Some(State::Overwritten);
    deleted.state_by = Some(StateBy { layer: 3, step: deleted.step.clone() });
    insta::assert_snapshot!(last(&deleted).unwrap(), @"Layer 2 still holds `/app/.env` although step 4 overwrote it: a later rm does not help, because every layer can be extracted by itself.");
}

#[test]
fn a_layer_without_a_step_may_be_the_base_image() {
    insta::assert_snapshot!(advice(&[file("etc/app.conf", "")]), @"`/etc/app.conf` was put there by layer 2, and the history does not tell which step made that layer: look in the Dockerfile, and tell the owner of the base image if it holds it too.");
}

#[test]
fn keys_for_ssh_have_better_ways() {
    let key = Credential { name: "OpenSSH private key", revoke: None };
    let advice = |path| fix(&key, &[file(path, "COPY")])[2].clone();
    insta::assert_snapshot!(advice("root/.ssh/id_ed25519"), @"To reach a private repository while building, use `RUN --mount=type=ssh …` and `docker build --ssh default .`: the key stays outside.");
    insta::assert_snapshot!(advice("etc/ssh/ssh_host_rsa_key"), @"Host keys must differ from container to container: make them when the container starts (`ssh-keygen -A`).");
}

#[test]
fn every_kind_of_place_has_advice_of_its_own() {
    use PlaceKind::*;
    let kinds = [
        BuildArg,
        Env,
        Label,
        Cmd,
        Entrypoint,
        Healthcheck,
        Onbuild,
        Config,
        Annotation,
        Attestation,
        Path,
        Link,
        TarHeader,
        Padding,
        Metadata,
        Blob,
    ];
    for kind in kinds {
        assert!(!advice(&[place(kind, "")]).is_empty(), "{kind:?}");
    }
    insta::assert_snapshot!(advice(&[named(Label, "com.example.token"), place(Healthcheck, ""), place(Attestation, "")]), @r"
    Take it out of the label `com.example.token`: whoever can see the image in a registry reads it without pulling a layer.
    Take it out of the HEALTHCHECK: give it to the container when it starts, as an environment variable or as a file of a mounted secret.
    The build's attestation repeats it: provenance with mode=max records build arguments and the Dockerfile. What comes by a secret mount is recorded nowhere.
    ");
}

#[test]
fn a_long_path_keeps_its_end() {
    let line = advice(&[file(&"ü/".repeat(5_000), "COPY")]);
    assert!(line.chars().count() < 400, "{line}");
}
