//! Dockerfiles against the histories that builders make of them.

use super::*;

fn steps(history: &[&str]) -> Vec<Step> {
    let step = |(index, created_by): (usize, &&str)| Step {
        index,
        instruction: crate::image::step::instruction(created_by).to_owned(),
        created_by: (*created_by).to_owned(),
        ..Step::default()
    };
    history.iter().enumerate().map(step).collect()
}

/// The lines of each step as text: `3`, `4-6`, `-`; nothing if the history is another's.
fn lines(dockerfile: &str, history: &[&str]) -> String {
    let dockerfile = Dockerfile::parse(dockerfile).unwrap();
    let shown = |lines: Option<Lines>| match lines {
        None => "-".to_owned(),
        Some(Lines { first, last }) if first == last => first.to_string(),
        Some(Lines { first, last }) => format!("{first}-{last}"),
    };
    let found = dockerfile.lines_of(&steps(history));
    found.map_or_else(String::new, |lines| lines.into_iter().map(shown).collect::<Vec<_>>().join(" "))
}

const BASE: &str = "/bin/sh -c #(nop) ADD file:0123abc in / ";

#[test]
fn buildkit_writes_instructions_down_without_flags_and_quotes() {
    let dockerfile = "\
# syntax=docker/dockerfile:1
ARG VERSION=1
FROM debian:${VERSION} AS app

ARG TOKEN
ENV A=\"x y\" \\
    # a comment in between
    B=2

RUN --mount=type=cache,target=/var/cache \\
    apt-get update && \\
    apt-get install -y 'curl'
COPY --chown=1000:1000 [\"a file\", \"/app/\"]
WORKDIR app
LABEL name value of it
EXPOSE 80
HEALTHCHECK --interval=30s CMD curl localhost
RUN [\"make\", \"all\"]
CMD nginx
";
    let history = [
        BASE,
        "ARG TOKEN=[redacted ghp_A1…b2 (40 bytes)]",
        "ENV A=x y B=2",
        "RUN |1 TOKEN=[redacted ghp_A1…b2 (40 bytes)] /bin/sh -c apt-get update &&     apt-get install -y 'curl' # buildkit",
        "COPY --chown=1000:1000 a file /app/ # buildkit",
        "WORKDIR /srv/app",
        "LABEL name=value of it",
        "EXPOSE map[80/tcp:{}]",
        "HEALTHCHECK &{[\"CMD-SHELL\" \"curl localhost\"] \"30s\" \"0s\" \"0s\" \"0s\" '\\x00'}",
        "RUN |1 TOKEN=[redacted ghp_A1…b2 (40 bytes)] make all # buildkit",
        "CMD [\"/bin/sh\" \"-c\" \"nginx\"]",
    ];
    assert_eq!(lines(dockerfile, &history), "- 5 6-8 10-12 13 14 15 16 17 18 19");
}

#[test]
fn credentials_in_the_history_are_redacted_and_those_in_the_file_are_not() {
    let dockerfile = "\
FROM a
ENV TOKEN=some-token-of-somebody
RUN curl -H \"Authorization: Bearer some-token\" x | sh
COPY a b
";
    let history = [
        "ENV TOKEN=[redacted some-t…body (22 bytes)]",
        "RUN /bin/sh -c curl -H \"Authorization: Bearer [redacted … (10 bytes)]\" x | sh # buildkit",
        "COPY a b # buildkit",
    ];
    assert_eq!(lines(dockerfile, &history), "2 3 4");
    let other = ["ENV OTHER=1", history[1], history[2]];
    assert_eq!(lines(dockerfile, &other), "- 3 4", "an ENV that was not written down");
}

#[test]
fn the_classic_builder_names_a_digest_in_place_of_what_was_copied() {
    let dockerfile = "\
FROM a
SHELL [\"/bin/bash\", \"-c\"]
COPY src $HOME/x /app/
ADD http://x/y /y
RUN make
RUN [\"make\",\"b\"]
";
    let history = [
        BASE,
        "/bin/bash -c #(nop)  SHELL [/bin/bash -c]",
        "/bin/bash -c #(nop) COPY multi:0123abc in /app/ ",
        "/bin/bash -c #(nop) ADD file:12 in /y ",
        "/bin/bash -c make",
        "make b",
    ];
    assert_eq!(lines(dockerfile, &history), "- 2 3 4 5 6");
}

#[test]
fn here_documents_are_scripts_or_go_to_a_command() {
    let dockerfile = "\
FROM a
RUN <<EOF
apt-get update
# not a comment of the Dockerfile
RUN nothing
EOF
RUN cat <<-'END' > /x
\tone
\tEND
COPY <<file /etc/file
text
file
RUN echo '<<no'
";
    let history = [
        "RUN /bin/sh -c apt-get update\n# not a comment of the Dockerfile\nRUN nothing\n # buildkit",
        "RUN /bin/sh -c cat <<-'END' > /x\none\nEND # buildkit",
        "COPY file /etc/file # buildkit",
        "RUN /bin/sh -c echo '<<no' # buildkit",
    ];
    assert_eq!(lines(dockerfile, &history), "2-6 7-9 10-12 13");
}

#[test]
fn a_stage_stands_on_earlier_ones_and_any_may_be_the_target() {
    let dockerfile = "\
FROM golang AS Build
RUN go build
FROM debian AS base
RUN apt-get update
FROM base AS test
RUN make test
FROM base
COPY --from=build /bin/app /app
";
    let (update, copy) = ("RUN /bin/sh -c apt-get update # buildkit", "COPY /bin/app /app # buildkit");
    assert_eq!(lines(dockerfile, &[BASE, update, copy]), "- 4 8");
    let test = "RUN /bin/sh -c make test # buildkit";
    assert_eq!(lines(dockerfile, &[BASE, update, test]), "- 4 6");
    assert_eq!(lines(dockerfile, &[BASE, test]), "", "no such image comes of it");
    let twice = "FROM a AS x\nRUN make\nFROM b AS y\nRUN make\nFROM c\nRUN other\n";
    assert_eq!(lines(twice, &["RUN /bin/sh -c make # buildkit"]), "", "two stages would do");
}

#[test]
fn what_was_changed_since_names_no_lines() {
    let dockerfile = "FROM a\nENV A=1\nRUN one\nRUN two\n";
    for history in [
        &["ENV A=1", "RUN /bin/sh -c one # buildkit", "RUN /bin/sh -c three # buildkit"][..],
        &["ENV A=2", "RUN /bin/sh -c two # buildkit"],
        &["RUN /bin/sh -c one # buildkit", "ENV A=1", "RUN /bin/sh -c two # buildkit"],
        &["everything in one layer"],
        &[],
    ] {
        assert_eq!(lines(dockerfile, history), "", "{history:?}");
    }
}

#[test]
fn where_there_is_a_choice_no_line_is_named() {
    let dockerfile = "FROM a\nENV A=1\nENV A=1\nRUN one\n";
    let one = "RUN /bin/sh -c one # buildkit";
    assert_eq!(lines(dockerfile, &["ENV A=1", one]), "- 4");
    assert_eq!(lines(dockerfile, &["ENV A=1", "ENV A=1", one]), "2 3 4");
}

#[test]
fn the_escape_character_can_be_another_one() {
    let dockerfile = "# escape=`\nFROM a\nRUN one `\n  two\\\nCOPY a C:\\\\\n";
    let history = ["RUN cmd /S /C one   two\\ # buildkit", "COPY a C:\\\\ # buildkit"];
    assert_eq!(lines(dockerfile, &history), "3-4 5");
}

#[test]
fn what_is_no_dockerfile_is_refused_with_its_line() {
    let error = |text: &str| Dockerfile::parse(text).unwrap_err().to_string();
    insta::assert_snapshot!(error(""), @"there is no FROM in it");
    insta::assert_snapshot!(error("FROM a\n\nnothing x"), @"line 3: there is no instruction `NOTHING`");
    insta::assert_snapshot!(error("RUN x\nFROM a"), @"line 1: no FROM stands before this instruction");
    insta::assert_snapshot!(error("FROM a\nRUN <<EOF\nx"), @"line 2: the here-document has no line `EOF` at its end");
    assert_eq!(lines("FROM a\r\nRUN one \\\r\n  two\r\n", &["RUN /bin/sh -c one   two # buildkit"]), "2-3");
    assert_eq!(lines("FROM a\nRUN one \\\n", &["RUN /bin/sh -c one # buildkit"]), "2");
}
