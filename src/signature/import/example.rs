//! Examples for imported rules, which bring none: made from their patterns, and kept only if the pattern finds them.

use std::collections::BTreeSet;

use regex_automata::meta::Regex;

use super::super::Allow;
use super::super::automaton::compile_pattern;
use super::super::pattern::parse_pattern;
use super::super::template::{ALPHABETS, expand, expand_pair};
use super::sample::{Variant, sample};
use super::{Example, Imported as Rule};

/// What an example stands in.
const AROUND: &[(&str, &str)] = &[("", ""), (" ", " "), ("\n", "\n"), ("\"", "\""), ("x = ", ";")];

/// Gives a rule its two `finds` and one `ignores`, or says that none could be made.
pub(super) fn give(rule: &mut Rule) {
    if give_all(rule).is_none() {
        rule.finds.clear();
        rule.ignores.clear();
        rule.unproven = Some("no example could be made from its pattern".into());
    }
}

fn give_all(rule: &mut Rule) -> Option<()> {
    let path = match &rule.path {
        Some(pattern) => Some(matching(pattern)?),
        None => None,
    };
    let proposals = match (&rule.pattern, &rule.value) {
        (Some(pattern), _) => of_pattern(pattern, &rule.id)?,
        (None, Some(value)) => of_value(rule.words.first()?, value)?,
        (None, None) => return None,
    };
    let mut texts = BTreeSet::new();
    for (text, secret) in proposals {
        if rule.finds.len() < 2 && texts.insert(text.clone()) {
            rule.finds.push(Example { text, about: secret, path: path.clone() });
        }
    }
    let [first, _] = &rule.finds[..] else { return None };
    let masked = first.text.replace(&first.about, &"x".repeat(12));
    let mut ignores = vec![Example { text: masked, about: "a mask, and no credential".into(), path }];
    ignores.extend(rule.allow.iter().filter_map(|allow| passing(rule, first, allow)));
    rule.ignores = ignores;
    Some(())
}

/// Changes an example, if it can.
type Change<'c> = &'c dyn Fn(&mut Example) -> Option<()>;

/// The example changed so that it may pass by `allow`, if that can be told from the list.
fn passing(rule: &Rule, example: &Example, allow: &Allow) -> Option<Example> {
    let mut example = Example { about: allow.why.clone(), ..example.clone() };
    let in_path = |example: &mut Example| {
        let path = allow.path.iter().find_map(|pattern| matching(pattern))?;
        // It has to be one that the rule is for, or it proves nothing.
        let own = rule
            .path
            .as_deref()
            .map_or(Some(true), |own| Some(compile_pattern(own).ok()?.is_match(path.as_bytes())))?;
        own.then(|| example.path = Some(path))
    };
    let in_line = |example: &mut Example| {
        let more = allow.line.iter().find_map(|pattern| matching(pattern))?;
        example.text = format!("{} {more}", example.text.trim_end());
        Some(())
    };
    let secret = &rule.finds.first()?.about;
    let by_word = |example: &mut Example| {
        let changed = allow.words.iter().find_map(|word| with_word(secret, word))?;
        example.text = example.text.replace(secret, &changed);
        Some(())
    };
    let kinds: [(bool, Change<'_>); 4] = [
        (!allow.path.is_empty(), &in_path),
        (!allow.words.is_empty(), &by_word),
        (!allow.line.is_empty(), &in_line),
        (!(allow.secret.is_empty() && allow.matched.is_empty()), &|_| None),
    ];
    let mut given = kinds.iter().filter(|(given, _)| *given).map(|(_, change)| change(&mut example));
    let done = if allow.all { given.all(|done| done.is_some()) } else { given.any(|done| done.is_some()) };
    done.then_some(example)
}

/// A template of a credential with the word in it, in place of random letters.
fn with_word(secret: &str, word: &str) -> Option<String> {
    secret.match_indices('{').find_map(|(at, _)| {
        let item = &secret[at + 1..at + secret[at..].find('}')?];
        let (name, count) = item.split_once(':')?;
        let rest = count.parse::<usize>().ok()?.checked_sub(word.len())?;
        let letters = ALPHABETS.iter().find(|(known, _)| *known == name)?.1;
        let fits = word.bytes().all(|letter| letters.contains(&letter));
        let end = at + item.len() + 2;
        fits.then(|| format!("{}{word}{{{name}:{rest}}}{}", &secret[..at], &secret[end..]))
    })
}

/// A text that a pattern matches.
fn matching(pattern: &str) -> Option<String> {
    let hir = parse_pattern(pattern).ok()?;
    let regex = compile_pattern(pattern).ok()?;
    [Variant::Shortest, Variant::Longest].into_iter().find_map(|variant| {
        let text = expand(&sample(&hir, variant)?.0, "path");
        (!text.is_empty() && regex.is_match(text.as_bytes())).then_some(text)
    })
}

/// Texts, and the credentials in them, that the pattern finds.
fn of_pattern(pattern: &str, id: &str) -> Option<Vec<(String, String)>> {
    let hir = parse_pattern(pattern).ok()?;
    let regex = compile_pattern(pattern).ok()?;
    let mut proposals = Vec::new();
    for variant in [Variant::Shortest, Variant::Longest] {
        let Some((text, Some(secret))) = sample(&hir, variant) else { continue };
        let secret = text[secret].to_owned();
        for (before, after) in AROUND {
            let text = format!("{before}{text}{after}");
            // The seeds of the examples are those that a check of the rule takes.
            let found = |number: usize| finds(&regex, &text, &secret, &format!("{id}/{number}"));
            if !secret.is_empty() && found(0) && found(1) {
                proposals.push((text, secret.clone()));
                break;
            }
        }
    }
    // A pattern with one form: the same in other surroundings.
    if let [(text, secret)] | [(text, secret), _] = &proposals[..] {
        let (text, secret) = (text.trim().to_owned(), secret.clone());
        let more = AROUND.iter().map(|(before, after)| (format!("{before}{text}{after}"), secret.clone()));
        let more: Vec<_> =
            more.filter(|(text, secret)| finds(&regex, text, secret, &format!("{id}/1"))).collect();
        proposals.extend(more);
    }
    Some(proposals)
}

/// Whether the pattern finds the credential, and it alone, when the templates are filled in.
fn finds(regex: &Regex, text: &str, secret: &str, seed: &str) -> bool {
    if !text.contains(secret) {
        return false;
    }
    let (text, expanded) = expand_pair(text, &[secret], seed);
    let secret = &expanded[0];
    let mut captures = regex.create_captures();
    regex.search_captures(&regex_automata::Input::new(text.as_bytes()), &mut captures);
    captures
        .get_group_by_name("secret")
        .is_some_and(|span| text.as_bytes()[span.range()] == *secret.as_bytes())
}

/// Assignments to a key with the word in it.
fn of_value(word: &str, value: &str) -> Option<Vec<(String, String)>> {
    let (secret, _) = sample(&parse_pattern(value).ok()?, Variant::Shortest)?;
    let upper = word.to_ascii_uppercase();
    Some(vec![
        (format!("{upper}_KEY={secret}"), secret.clone()),
        (format!("\"{word}_token\": \"{secret}\""), secret),
    ])
}
