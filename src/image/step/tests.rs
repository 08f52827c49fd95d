//! Build steps as builders write them, and as attackers could.

use proptest::prelude::*;

use super::*;

/// `kind name (command)`, as `testdata/steps.tsv` writes it.
fn shown(argument: &Argument) -> String {
    let command = argument.command.as_ref().map(|command| format!(" ({command})"));
    format!("{} {}{}", argument.kind.as_str(), argument.name, command.unwrap_or_default())
}

/// All arguments of a step with their values.
fn all(text: &str) -> Vec<String> {
    let show = |argument: &Argument| format!("{} = {}", shown(argument), &text[argument.value.clone()]);
    parse(text).arguments.iter().map(show).collect()
}

#[test]
fn every_known_way_into_a_step_has_a_name() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/steps.tsv");
    let table = std::fs::read_to_string(path).unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(rows.len() > 200, "{} rows", rows.len());
    // Of letters alone, with digits, and with signs that mean something to a shell.
    for secret in
        ["correcthorse".to_owned(), format!("S3cr{}", "et9Xq".repeat(3)), ["p@", "a.b-c_9+x"].concat()]
    {
        for row in &rows {
            let (expected, template) = row.split_once('\t').unwrap();
            let text = template.replace("{secret}", &secret).replace('⏎', "\n");
            let step = parse(&text);
            let found = text.match_indices(&secret).map(|(at, _)| {
                let argument = step.argument_at(at..at + secret.len());
                argument.map_or_else(|| "nothing".to_owned(), shown)
            });
            let found: Vec<String> = found.collect();
            assert_eq!(found.join(" | "), expected, "{text}");
        }
    }
}

#[test]
fn builders_forms_of_one_instruction_read_alike() {
    for (text, expected) in [
        ("RUN |1 A=b /bin/sh -c make # buildkit", "RUN"),
        ("|1 A=b /bin/sh -c make", "RUN"),
        ("/bin/sh -c make", "RUN"),
        ("/bin/bash -o pipefail -c make", "RUN"),
        ("cmd /S /C make", "RUN"),
        ("powershell -NoProfile -Command make", "RUN"),
        ("RUN make # buildkit", "RUN"),
        ("/bin/sh -c #(nop)  ENV A=b", "ENV"),
        ("/bin/sh -c #(nop) COPY dir:ab in /app ", "COPY"),
        ("cmd /S /C #(nop)  ENV A=b", "ENV"),
        ("COPY . . # buildkit", "COPY"),
        ("  WORKDIR /x", "WORKDIR"),
        ("ONBUILD RUN make", "ONBUILD"),
        ("/bin/busybox --install", ""),
        ("jib-maven-plugin:3.4.0", ""),
        ("bazel build ...", ""),
        ("RUNNING", ""),
        ("| a", ""),
        ("", ""),
    ] {
        assert_eq!(instruction(text), expected, "{text}");
        assert_eq!(parse(text).instruction, expected, "{text}");
    }
}

#[test]
fn build_arguments_end_where_the_count_and_the_shell_say() {
    assert_eq!(all("|2 A=x y B=z w /bin/sh -c :"), ["build-arg A = x y", "build-arg B = z w"]);
    assert_eq!(all("|1 A=x B=y /bin/sh -c :"), ["build-arg A = x B=y", "variable B = y"]);
    assert_eq!(all("|1 A=run /bin/sh -c it /bin/sh -c :")[0], "build-arg A = run");
    assert_eq!(all("|2 A= B= /bin/sh -c :"), [""; 0]);
    assert_eq!(all("|0 /bin/sh -c x y"), ["word x (x) = y"]);
    assert_eq!(all("RUN |1 A=x /bin/app -p y"), ["build-arg A = x", "option -p (app) = y"]);
    assert_eq!(all("|99999999999999999999 A=x"), ["build-arg A = x"]);
}

#[test]
fn values_of_env_and_label_keep_their_spaces() {
    assert_eq!(all("ENV A=b c D=e"), ["variable A = b c", "variable D = e"]);
    assert_eq!(all("ENV A=\"b C=d\" E='f g'"), ["variable A = b C=d", "variable C = d", "variable E = f g"]);
    assert_eq!(all("ENV A b c"), ["variable A = b c"]);
    assert_eq!(all("ARG A"), [""; 0]);
    assert_eq!(all("LABEL a.b=c \"d/e\"=f"), ["label a.b = c", "label d/e = f"]);
}

#[test]
fn the_innermost_argument_is_given() {
    let text = r#"RUN curl -H "Authorization: Bearer abc" https://host/"#;
    let step = parse(text);
    let at = text.find("abc").unwrap();
    assert_eq!(step.argument_at(at..at + 3).unwrap().kind, ArgumentKind::Header);
    let header = text.find("Authorization").unwrap();
    assert_eq!(step.argument_at(header..at).unwrap().name, "-H");
    assert_eq!(step.argument_at(0..3), None);
    assert_eq!(step.argument_at(at..text.len()), None);
    assert_eq!(parse("").argument_at(0..0), None);
}

#[test]
fn a_name_never_holds_what_has_not_the_form_of_a_name() {
    let secret = "hunter2".repeat(2);
    for template in [
        "RUN git config url.\"https://u:{}@h/\".insteadOf x",
        "RUN npm config set https://u:{}@h/ y",
        "RUN echo x > \"https://u:{}@h\"",
        "RUN \"a {} b\" c",
    ] {
        for argument in parse(&template.replace("{}", &secret)).arguments {
            assert!(!argument.name.contains(&secret), "{argument:?}");
            assert!(!argument.command.unwrap_or_default().contains(&secret));
        }
    }
}

proptest! {
    #[test]
    fn any_text_can_be_read(text in r#"(|RUN |\|2 |ENV |CMD \[|HEALTHCHECK &\{\[|/bin/sh -c )([ -~é\n]|A=|sh -c "|\\"|<<E|\$\(|password ){0,40}"#) {
        let step = parse(&text);
        for (index, argument) in step.arguments.iter().enumerate() {
            prop_assert!(!text.get(argument.value.clone()).unwrap_or_default().is_empty(), "{argument:?}");
            let found = step.argument_at(argument.value.clone()).unwrap();
            prop_assert!(found.value == argument.value, "{index} {argument:?} {found:?}");
        }
        prop_assert_eq!(instruction(&text), step.instruction);
    }

    #[test]
    fn any_characters_can_be_read(text in any::<String>()) {
        for argument in parse(&text).arguments {
            prop_assert!(text.get(argument.value).is_some());
        }
    }
}

#[test]
fn a_step_longer_than_any_command_line_is_named_as_far_as_that() {
    let text = format!("RUN x --first=a {} --last=b", "é".repeat(READ));
    let step = parse(&text);
    assert_eq!(step.instruction, "RUN");
    assert!(step.arguments.iter().any(|argument| argument.name == "--first"));
    assert!(step.arguments.iter().all(|argument| argument.name != "--last"));
}

#[test]
fn the_words_of_a_list_are_named_without_a_shell() {
    let items = ["mysql", "-pa b", "--token", "x\"y", "A=b", "-v", "last", "é"].map(str::to_owned);
    let named = name_words(&items);
    let shown: Vec<String> = named
        .iter()
        .zip(&items)
        .map(|(name, item)| {
            name.as_ref().map_or_else(String::new, |(name, at)| format!("{name} {}", &item[*at..]))
        })
        .collect();
    assert_eq!(shown, ["", "-p a b", "", "--token x\"y", "A b", "", "", ""]);
    let script = ["sh", "-c", "export A=b; c --d=e"].map(str::to_owned);
    assert!(name_words(&script).iter().all(Option::is_none));
    assert!(name_words(&[]).is_empty());
}

#[test]
fn hostile_steps_cost_no_more_than_their_length() {
    let pieces = [
        "|9 ",
        "A=b ",
        "sh -c ",
        "bash -c \"",
        "sudo ",
        "env ",
        "a | ",
        "$(",
        "a;",
        "-x ",
        "\"",
        "--a=b ",
        "a: ",
        "[\"",
        "ONBUILD ",
        "/bin/sh ",
        "<<E\n",
        "password ",
    ];
    for start in ["", "RUN ", "ENV A=", "|5000 ", "CMD [\"", "LABEL "] {
        for piece in pieces {
            let text = format!("{start}{}", piece.repeat(60_000 / piece.len()));
            let started = std::time::Instant::now();
            parse(&text);
            assert!(started.elapsed().as_secs() < 5, "{start:?} {piece:?} took {:?}", started.elapsed());
        }
    }
}
