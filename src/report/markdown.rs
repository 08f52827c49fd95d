//! Markdown for a comment on a pull request or a merge request, and for `$GITHUB_STEP_SUMMARY`.
//!
//! A comment holds 65,536 characters, so what is less important is counted and left out beyond a budget: first the
//! advice, then the last findings. The totals and the first gaps are always there. Texts of the image stand in code
//! spans, where they can neither mention anybody nor link, and nothing in them is markup.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::anchor::Anchors;
use super::sanitize::sanitize;
use super::{ReportOptions, words};
use crate::findings::{Finding, Outcome};
use crate::problem::Problem;

/// Bytes of the whole text; a comment of GitHub holds 65,536 characters.
const BUDGET: usize = 60_000;
/// Bytes that are kept free for totals and gaps.
const RESERVED: usize = 12_000;
/// Characters of one text of the image.
const TEXT: usize = 300;
/// Gaps and notes that are listed of one input.
const PROBLEMS: usize = 10;
/// Places of one finding that are listed.
const PLACES: usize = 10;

/// See [`FORMATS`](super::FORMATS).
pub(super) fn write(out: &mut dyn Write, outcomes: &[Outcome], options: &ReportOptions) -> io::Result<()> {
    let mut page = Page { text: String::new(), options };
    for (index, outcome) in outcomes.iter().enumerate() {
        let more = outcomes.len() - index;
        if !page.add(&head(outcome), BUDGET - RESERVED / 2) {
            let _ = writeln!(page.text, "\nand {}", words::count(more as u64, "more input"));
            break;
        }
        page.findings(outcome);
        page.problems(outcome);
        page.advice(outcome);
    }
    out.write_all(page.text.as_bytes())
}

fn head(outcome: &Outcome) -> String {
    let mut text =
        format!("### layersift: {}\n\n**{}**\n", code(words::source(outcome)), words::verdict(outcome));
    for line in words::not_shown(outcome) {
        let _ = writeln!(text, "\n{line}");
    }
    for line in words::policy(outcome) {
        let _ = writeln!(text, "\n{}", code(&line));
    }
    text.push('\n');
    text
}

struct Page<'a> {
    text: String,
    options: &'a ReportOptions,
}

impl Page<'_> {
    /// Whether there was room for it.
    fn add(&mut self, text: &str, budget: usize) -> bool {
        let fits = self.text.len() + text.len() <= budget;
        if fits {
            self.text.push_str(text);
        }
        fits
    }

    fn findings(&mut self, outcome: &Outcome) {
        if outcome.findings.is_empty() {
            return;
        }
        let anchors = Anchors::new(outcome, self.options);
        self.text.push_str("| severity | what | where | came in with |\n|---|---|---|---|\n");
        for (index, finding) in outcome.findings.iter().enumerate() {
            let row = row((outcome, finding), &anchors, self.options);
            if !self.add(&row, BUDGET - RESERVED) {
                let more = words::count((outcome.findings.len() - index) as u64, "more finding");
                let _ = writeln!(self.text, "\n{more}; the json format has all");
                break;
            }
        }
        self.text.push('\n');
    }

    fn problems(&mut self, outcome: &Outcome) {
        let (gaps, notes): (Vec<_>, Vec<_>) =
            outcome.problems.iter().partition(|problem| problem.kind.is_gap());
        for (title, problems) in [("not looked at, or not to be trusted", gaps), ("notes", notes)] {
            if problems.is_empty() {
                continue;
            }
            let _ = writeln!(self.text, "**{title}**\n");
            let shown =
                problems.iter().take(PROBLEMS).take_while(|problem| self.add(&item(problem), BUDGET - 1_000));
            let shown = shown.count();
            if let Some(more @ 1..) = problems.len().checked_sub(shown) {
                let _ = writeln!(self.text, "* and {more} more");
            }
            self.text.push('\n');
        }
    }

    fn advice(&mut self, outcome: &Outcome) {
        if outcome.findings.is_empty() {
            return;
        }
        let mut details = "<details><summary>All places, and what to do</summary>\n\n".to_owned();
        for finding in &outcome.findings {
            let advice = advice(finding);
            if self.text.len() + details.len() + advice.len() > BUDGET - RESERVED {
                details.push_str("The json format has more.\n\n");
                break;
            }
            details.push_str(&advice);
        }
        details.push_str("</details>\n\n");
        self.add(&details, BUDGET);
    }
}

fn row((outcome, finding): (&Outcome, &Finding), anchors: &Anchors<'_>, options: &ReportOptions) -> String {
    let place = finding.places.first();
    let at = anchors.of(finding);
    let at = if at.in_dockerfile {
        format!("{} line {}<br>", code(&at.path), at.lines.first)
    } else {
        String::new()
    };
    let origin = place.map(|place| code(&words::origin(place))).unwrap_or_default();
    let fate =
        place.map(words::fate).filter(|fate| !fate.is_empty()).map(|fate| format!("<br>{}", code(&fate)));
    let judged = words::judged(outcome, finding).map(|judged| format!("<br>{}", code(&judged)));
    let judged = judged.unwrap_or_default();
    format!(
        "| **{}**{judged} | {}<br>{} | {} | {at}{origin}{} |\n",
        finding.severity.as_str(),
        prose(&finding.name),
        code(&words::credential(&finding.secret, options)),
        code(&words::places(finding)),
        fate.unwrap_or_default()
    )
}

fn item(problem: &Problem) -> String {
    let Problem { kind, place, message, remedy } = problem;
    format!("* {} {}: {} ({})\n", kind.as_str(), code(place), prose(message), prose(remedy))
}

fn advice(finding: &Finding) -> String {
    let mut text = format!("**{}** {}\n\n", prose(&finding.name), code(&finding.secret.redacted()));
    let _ = writeln!(text, "{}\n", prose(&finding.why));
    for place in finding.places.iter().take(PLACES) {
        let _ = writeln!(text, "* {}", code(&words::whole_place(place)));
    }
    if let Some(more @ 1..) = finding.places.len().checked_sub(PLACES) {
        let _ = writeln!(text, "* and {more} more");
    }
    text.push('\n');
    let url = finding.revoke.as_ref().filter(|revoke| is_plain_address(revoke));
    for (index, fix) in finding.fix.iter().enumerate() {
        let fix = match url {
            Some(url) => advised(fix).replace(&prose(url), &format!("<{url}>")),
            None => advised(fix),
        };
        let _ = writeln!(text, "{}. {fix}", index + 1);
    }
    text.push('\n');
    text
}

/// Text in which commands and paths stand between back-quotes.
fn advised(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 0 { prose(part) } else { code(part) }).collect()
}

fn is_plain_address(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !"<>\\\"'`".contains(c);
    text.starts_with("https://") && text.chars().all(is_plain)
}

/// A code span (`CommonMark`, 6.1), also inside of a table (GFM, 4.10).
fn code(text: &str) -> String {
    let shown: String = sanitize(text, true).chars().take(TEXT + 1).collect();
    let cut = shown.chars().count() > TEXT;
    let shown: String = shown.chars().take(TEXT).collect::<String>() + if cut { "…" } else { "" };
    if shown.trim().is_empty() {
        return String::new();
    }
    let longest = shown.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if shown.starts_with(['`', ' ']) || shown.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", shown.replace('|', "\\|"))
}

/// Text that is no code: nothing in it is markup, mentions somebody or links.
fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in sanitize(text, true).chars().take(2_000) {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // An empty comment parts what a forge would make a mention or a link of.
            '@' | '#' => out.extend([c.encode_utf8(&mut [0; 4]), "<!-- -->"]),
            ':' => out.push_str(":<!-- -->"),
            '.' if out.ends_with("www") => out.push_str("<!-- -->."),
            c => out.push(c),
        }
    }
    out.replace(":<!-- --> ", ": ")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn written(outcomes: &[Outcome], options: &ReportOptions) -> String {
        let mut out = Vec::new();
        write(&mut out, outcomes, options).expect("a vector takes everything");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn it_looks_like_this() {
        let mut outcome = sample::full();
        outcome.findings.truncate(1);
        insta::assert_snapshot!(written(&[outcome], &sample::with_dockerfile()));
        insta::assert_snapshot!(written(&[sample::clean()], &ReportOptions::default()), @r"
        ### layersift: `app.tar`

        **clean: everything was looked at**
        ");
    }

    #[test]
    fn a_comment_can_hold_it_however_much_there_is() {
        let mut outcome = sample::full();
        let finding = outcome.findings[0].clone();
        outcome.findings.extend(vec![finding; 3_000]);
        let gap = sample::gap();
        outcome.problems.extend(vec![gap.clone(); 3_000]);
        let text = written(&vec![outcome; 3], &ReportOptions::default());
        assert!(text.len() <= 65_536, "{}", text.len());
        assert!(text.contains("more findings; the json format has all") && text.contains(&gap.message));
        assert!(text.contains("3,002 findings") && text.contains("3,001 gaps"));
        let many = written(&vec![sample::clean(); 3_000], &ReportOptions::default());
        assert!(many.len() <= 65_536 && many.contains("more inputs"), "{}", many.len());
    }

    /// What is left of a line when its code spans are taken out: a run of back-quotes and the next one of its length.
    fn without_code(line: &str) -> String {
        let (mut out, mut at) = (String::new(), 0);
        let run = |at: usize| line[at..].len() - line[at..].trim_start_matches('`').len();
        while at < line.len() {
            let c = line[at..].chars().next().expect("not at the end");
            if c != '`' {
                out.push(c);
                at += c.len_utf8();
                if c == '\\' {
                    at += line[at..].chars().next().map_or(0, char::len_utf8);
                }
                continue;
            }
            let length = run(at);
            let mut end = at + length;
            while end < line.len() && run(end) != length {
                end += run(end).max(line[end..].chars().next().map_or(1, char::len_utf8));
            }
            at = if end < line.len() { end + length } else { at + length };
        }
        out
    }

    #[test]
    fn nothing_of_the_image_is_markup() {
        let evil =
            "`|<script>alert(1)</script>|``` @octocat #1 https://evil.example ![x](y) www.evil.example";
        let mut outcome = sample::full();
        outcome.source = evil.into();
        for finding in &mut outcome.findings {
            finding.fix = vec![evil.into()];
            finding.places[0].name = Some(evil.into());
        }
        outcome.problems[0].message = evil.into();
        let text = written(&[outcome], &ReportOptions::default());
        let rest: String = text.lines().map(without_code).collect::<Vec<_>>().join("\n");
        for obeyed in ["<script", "@octocat", "https://evil", "![x]", "www.evil", "#1"] {
            assert!(!rest.contains(obeyed), "{obeyed}: {rest}");
        }
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("a|b"), "`a\\|b`");
        assert_eq!(prose("see: x @me, http://x"), "see: x @<!-- -->me, http:<!-- -->//x");
    }
}
