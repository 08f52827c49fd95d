//! What the report for people looks like.

use super::super::sample;
use super::*;

fn drawn(outcomes: &[Outcome], options: &ReportOptions) -> String {
    let mut out = Vec::new();
    write(&mut out, outcomes, options).expect("a vector takes everything");
    String::from_utf8(out).expect("a table is UTF-8")
}

fn narrow() -> ReportOptions {
    ReportOptions { width: 100, ..ReportOptions::default() }
}

#[test]
fn a_finding_says_what_where_and_what_to_do() {
    insta::assert_snapshot!(drawn(&[sample::full()], &narrow()), @r"
    app.tar  docker-archive
      app:1.0  linux/amd64  2 layers  3 steps
      image without a name  linux/arm/v7  1 layer  0 steps

    CRITICAL  GitHub personal access token (classic)  github-pat  confirmed
      ghp_A1…A1b2 (40 bytes)  0123456789ab
      app id       123456  GITHUB_TOKEN
      key          … (11 bytes)  /app/backup.tar!/.env:3  → utf-16le
      Acts as the user on every repository that the token's scopes allow.
      env          GITHUB_TOKEN
                   of the base image, step 0 ENV GITHUB_TOKEN=[redacted ghp_A1…A1b2 (40 bytes)]
                   in app:1.0  linux/amd64
      file         /app/backup.tar!/.env:3  → utf-16le
                   layer 0 6e340b9cffb3, step 1 COPY .env /app/
                   deleted by layer 1, step 2 RUN rm -f /app/backup.tar
                   in app:1.0  linux/amd64
      fix  Revoke it now: https://github.com/settings/tokens
           Rebuild.
      known  since 2026-10-01, in known.json: waits for the vendor
      policy  fails: no deleted files either (layersift.toml:7)

    MEDIUM  Private key  private-key  review
      … (48 bytes)  ba9876543210
      type         RSA
      bits         2048
      comment      root@build
      Proves its owner's identity.
      file         /etc/keys/1.der at byte 1
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      file         /etc/keys/2.der at byte 2
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      file         /etc/keys/3.der at byte 3
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      file         /etc/keys/4.der at byte 4
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      file         /etc/keys/5.der at byte 5
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      file         /etc/keys/6.der at byte 6
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      and 3 more places (-v shows all)
      fix  Make a new key pair.
      policy  warned of: what no other rule matches

    not looked at, or not to be trusted  1
      damaged      blobs/sha256/damaged
                   the archive ends in the middle of a blob
                   -> save the image again

    notes  1
      note         app:1.0
                   the history names more layers than the image has
                   -> none of the steps is attributed

    looked at  2 layers, 3 blobs: 6.2 MiB stored, 18.1 MiB plain, 2,468 entries, 18.1 MiB searched
    verified   all but 1 blob
    skipped    4.8 KiB, 1 time: the archive ends here
    skipped    size unknown, 1 time: encrypted

    2 findings: 1 CRITICAL 1 MEDIUM; not everything could be looked at: 1 gap
    2 less certain findings not shown (--min-confidence example shows all)
    1 finding that public packages ship not shown (--min-confidence example shows all)
    2 suppressed: 1 by .layersiftignore, 1 inline; and 2 places of what is shown; --show-suppressed
    lists them
    1 entry to ignore matches nothing, 1 of the baseline is gone (--verbose lists them)
    1 finding fails: no deleted files either (layersift.toml:7)
    1 finding is warned of: what no other rule matches
    ");
}

#[test]
#[expect(clippy::too_many_lines, reason = "it shows a whole page")]
fn everything_is_listed_when_asked() {
    let options = ReportOptions { detail: Detail::Full, ..narrow() };
    insta::assert_snapshot!(drawn(&[sample::full()], &options), @r"
    app.tar  docker-archive
      app:1.0  linux/amd64  2 layers  3 steps
      image without a name  linux/arm/v7  1 layer  0 steps

    CRITICAL  GitHub personal access token (classic)  github-pat  confirmed
      ghp_A1…A1b2 (40 bytes)  0123456789ab
      app id       123456  GITHUB_TOKEN
      key          … (11 bytes)  /app/backup.tar!/.env:3  → utf-16le
      Acts as the user on every repository that the token's scopes allow.
      env          GITHUB_TOKEN
                   of the base image, step 0 ENV GITHUB_TOKEN=[redacted ghp_A1…A1b2 (40 bytes)]
                   in app:1.0  linux/amd64
      file         /app/backup.tar!/.env:3  → utf-16le
                   layer 0 6e340b9cffb3, step 1 COPY .env /app/
                   deleted by layer 1, step 2 RUN rm -f /app/backup.tar
                   in app:1.0  linux/amd64
      fix  Revoke it now: https://github.com/settings/tokens
           Rebuild.
      known  since 2026-10-01, in known.json: waits for the vendor
      policy  fails: no deleted files either (layersift.toml:7)

    MEDIUM  Private key  private-key  review
      … (48 bytes)  ba9876543210
      type         RSA
      bits         2048
      comment      root@build
      Proves its owner's identity.
      file         /etc/keys/1.der at byte 1
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      file         /etc/keys/2.der at byte 2
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      file         /etc/keys/3.der at byte 3
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      file         /etc/keys/4.der at byte 4
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      file         /etc/keys/5.der at byte 5
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      file         /etc/keys/6.der at byte 6
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      file         /etc/keys/7.der at byte 7
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      file         /etc/keys/8.der at byte 8
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      file         /etc/keys/9.der at byte 9
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      fix  Make a new key pair.
      policy  warned of: what no other rule matches

    stale
      matches nothing  ../.layersiftignore:20: gone since 2.0
      gone             jwt 0123456789abcdef0123456789abcdef

    not looked at, or not to be trusted  1
      damaged      blobs/sha256/damaged
                   the archive ends in the middle of a blob
                   -> save the image again

    notes  1
      note         app:1.0
                   the history names more layers than the image has
                   -> none of the steps is attributed

    blobs
      role        form          stored      plain   searched    entries
      layer       tar+gzip     3.0 MiB    9.0 MiB    9.0 MiB      1,234  blobs/sha256/layer
      config      json         1.9 KiB    1.9 KiB    1.9 KiB          0  blobs/sha256/config
      layer       tar+gzip     3.0 MiB    9.0 MiB    9.0 MiB      1,234  not verified  blobs/s…6/damaged
    looked at  2 layers, 3 blobs: 6.2 MiB stored, 18.1 MiB plain, 2,468 entries, 18.1 MiB searched
    verified   all but 1 blob
    skipped    4.8 KiB, 1 time: the archive ends here
    skipped    size unknown, 1 time: encrypted

    2 findings: 1 CRITICAL 1 MEDIUM; not everything could be looked at: 1 gap
    2 less certain findings not shown (--min-confidence example shows all)
    1 finding that public packages ship not shown (--min-confidence example shows all)
    2 suppressed: 1 by .layersiftignore, 1 inline; and 2 places of what is shown; --show-suppressed
    lists them
    1 entry to ignore matches nothing, 1 of the baseline is gone
    1 finding fails: no deleted files either (layersift.toml:7)
    1 finding is warned of: what no other rule matches
    ");
}

#[test]
fn brief_gives_findings_and_gaps_only() {
    let options = ReportOptions { detail: Detail::Brief, ..narrow() };
    let text = drawn(&[sample::full()], &options);
    assert!(text.contains("github-pat") && text.contains(&sample::gap().message));
    for left_out in ["looked at  ", "notes", "2 findings"] {
        assert!(!text.contains(left_out), "{left_out}: {text}");
    }
}

#[test]
fn clean_is_said_of_a_complete_scan_only() {
    let sentence = "clean: everything was looked at";
    let clean = sample::clean();
    insta::assert_snapshot!(drawn(std::slice::from_ref(&clean), &narrow()), @r"
    app.tar  docker-archive
      app:1.0  linux/amd64  2 layers  3 steps

    looked at  1 layer, 2 blobs: 3.1 MiB stored, 9.0 MiB plain, 1,234 entries, 9.0 MiB searched
    verified   every digest and size

    clean: everything was looked at
    ");

    let mut gaps = clean.clone();
    gaps.problems.push(sample::gap());
    let text = drawn(&[gaps.clone()], &narrow());
    assert!(!text.contains(sentence) && text.contains("not everything could be looked at: 1 gap"));
    assert!(!drawn(&[sample::full()], &narrow()).contains(sentence));

    let total = |outcomes: &[Outcome]| {
        let text = drawn(outcomes, &narrow());
        text.lines().last().expect("there are lines").to_owned()
    };
    insta::assert_snapshot!(total(&[clean.clone(), clean.clone()]), @"2 inputs: 0 findings; clean: everything was looked at");
    insta::assert_snapshot!(total(&[clean.clone(), gaps]), @"2 inputs: 0 findings; not everything could be looked at: 1 gap");
    insta::assert_snapshot!(total(&[clean, sample::full()]), @"2 inputs: 2 findings: 1 CRITICAL 1 MEDIUM; not everything could be looked at: 1 gap");
}

#[test]
fn what_is_suppressed_is_counted_and_listed_for_who_asks() {
    let mut outcome = sample::clean();
    outcome.suppression = sample::full().suppression;
    outcome.suppression.findings.remove(0);
    let options = ReportOptions { show_suppressed: true, ..narrow() };
    insta::assert_snapshot!(drawn(&[outcome.clone()], &options), @r"
    app.tar  docker-archive
      app:1.0  linux/amd64  2 layers  3 steps

    suppressed  2

    CRITICAL  GitHub personal access token (classic)  github-pat
      ghp_A1…A1b2 (40 bytes)  0123456789ab
      by ../.layersiftignore:7: a key of the tests (until 2027-01-31)
      env          GITHUB_TOKEN
                   of the base image, step 0 ENV GITHUB_TOKEN=[redacted ghp_A1…A1b2 (40 bytes)]
      file         /app/backup.tar!/.env:3  → utf-16le
                   layer 0 6e340b9cffb3, step 1 COPY .env /app/
                   deleted by layer 1, step 2 RUN rm -f /app/backup.tar

    MEDIUM  Private key  private-key
      … (48 bytes)  ba9876543210
      inline at etc/keys/1.der:1
      file         /etc/keys/1.der at byte 1
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      in the baseline known.json, 1 place that it does not know
      file         /etc/keys/2.der at byte 2
                   a blob that is no layer of the image
                   shipped by dpkg libabc1
      file         /etc/keys/3.der at byte 3
                   a blob that is no layer of the image
                   shipped by dpkg libabc1

    looked at  1 layer, 2 blobs: 3.1 MiB stored, 9.0 MiB plain, 1,234 entries, 9.0 MiB searched
    verified   every digest and size

    nothing but what is suppressed: everything was looked at
    2 suppressed: 1 by .layersiftignore, 1 inline
    1 entry to ignore matches nothing, 1 of the baseline is gone (--verbose lists them)
    ");
    let two = drawn(&[outcome.clone(), outcome], &narrow());
    insta::assert_snapshot!(two.lines().last().expect("there are lines"), @"2 inputs: 0 findings; 4 suppressed; everything was looked at");
}

#[test]
fn colours_change_nothing_but_the_colours() {
    let plain = drawn(&[sample::full()], &narrow());
    let options = ReportOptions { color: true, ..narrow() };
    let coloured = drawn(&[sample::full()], &options);
    assert!(coloured.contains("\u{1b}["));
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    assert!(!plain.contains('\u{1b}'));
}

#[test]
fn a_terminal_without_unicode_gets_ascii() {
    let options = ReportOptions { unicode: false, ..narrow() };
    for outcome in [sample::full(), sample::hostile()] {
        let text = drawn(&[outcome], &options);
        assert!(text.is_ascii(), "{text}");
    }
}

#[test]
fn no_line_is_wider_than_the_page_but_words_that_are() {
    for outcome in [sample::full(), sample::hostile()] {
        let text = drawn(&[outcome], &narrow());
        for line in text.lines().filter(|line| line.split_whitespace().count() > 3) {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}
