//! What of the findings fails a run, put together from the settings; and `layersift policy`, which shows and tries it.

use std::env::current_dir;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::bail;
use layersift::findings::policy::{Action, Decided, Judgement, Policy, Rule, Verdict};
use layersift::report::side::{Found, Side};
use layersift::report::{printable, write_json as write_report_json};
use layersift::signature::Severity;
use serde_json::{Value, json};

use super::args::{AskedPolicy, PolicyCommand};
use super::config::{Config, configured};
use super::exit::{Exit, Gate, OrStop, Stopped};
use super::output::Output;
use super::settings::{List, SWITCH, Setting, Settings};
use super::suppress::{baseline, report as read_report, today};
use super::values::{severity, switch};

pub(super) const FAIL_ON: Setting = Setting {
    name: "fail-on",
    short: None,
    value: "SEVERITY",
    about: "Least severity of a finding that makes the exit code 1 [default: low, so any that is shown]",
    values: || Severity::ALL.iter().map(|severity| severity.as_str()).chain(["none"]).collect(),
    list: None,
    set: |settings, text| {
        settings.fail_on = match text {
            "none" => None,
            name => Some(severity(name)?),
        };
        Ok(())
    },
};

pub(super) const FAIL_ON_NEW: Setting = Setting {
    name: "fail-on-new",
    about: "Show what the baseline knows, and let it pass; without this it is not shown",
    set: |settings, text| switch(text).map(|on| settings.fail_on_new = on),
    ..SWITCH
};

pub(super) const OWN_ONLY: Setting = Setting {
    name: "own-only",
    about: "Let findings pass that the base image has too; they are shown all the same",
    set: |settings, text| switch(text).map(|on| settings.own_only = on),
    ..SWITCH
};

pub(super) const ALLOW_PARTIAL: Setting = Setting {
    name: "allow-partial",
    about: "Exit with 0 instead of 4 if something could not be looked at and nothing was found",
    set: |settings, text| switch(text).map(|on| settings.allow_partial = on),
    ..SWITCH
};

pub(super) const BASELINE: Setting = Setting {
    name: "baseline",
    short: None,
    value: "FILE",
    about: "Do not show findings that this baseline or JSON report knows; may be repeated",
    values: Vec::new,
    list: Some(List::Paths),
    set: |settings, text| {
        settings.baselines.push(text.into());
        Ok(())
    },
};

/// What the settings ask for: shorthands that let pass, the rules of the file, and what fails else.
pub(crate) fn policy(settings: &Settings) -> anyhow::Result<Policy> {
    if settings.fail_on_new && settings.baselines.is_empty() {
        bail!(
            "--fail-on-new needs to know what is old: name a baseline with --baseline (`layersift baseline create` \
             writes one)"
        );
    }
    let mut rules = Vec::new();
    if settings.fail_on_new {
        rules.push(Rule::fail_on_new());
    }
    if settings.own_only {
        rules.push(Rule::own_only());
    }
    rules.extend(settings.policy.iter().cloned());
    if settings.policy.is_empty() {
        rules.extend(Rule::fail_on(settings.fail_on));
    }
    Ok(Policy::new(rules, today()))
}

pub(crate) fn run(command: &PolicyCommand) -> Result<Exit, Stopped> {
    match command {
        PolicyCommand::Show { asked } => {
            let config = configured(asked.config.as_deref(), &asked.settings.0).or_stop(Exit::Usage)?;
            let judgement = policy(&config.settings).or_stop(Exit::Usage)?.judgement(&[]);
            let write = |out: &mut dyn Write| match &*asked.format {
                "json" => write_report_json(out, &json!({ "schema": SCHEMA, "rules": judgement.rules })),
                _ => write_rules(out, &judgement.rules),
            };
            Output::Stdout.text(write).or_stop(Exit::Failed)?;
            Ok(Exit::Clean)
        }
        PolicyCommand::Check { reports, asked } => check(reports, asked),
    }
}

/// The version of what is written as JSON.
const SCHEMA: &str = "layersift.policy/v1";

fn write_rules(out: &mut dyn Write, rules: &[Decided]) -> io::Result<()> {
    for (index, rule) in rules.iter().enumerate() {
        let at = rule.at.as_ref().map_or_else(String::new, |at| format!("  {}", printable(at)));
        let until = match rule.expires {
            Some(day) if rule.expired => format!("  expired after {day}"),
            Some(day) => format!("  until {day}"),
            None => String::new(),
        };
        writeln!(out, "{:2}. {:4}  {}{at}{until}", index + 1, rule.action.as_str(), printable(&rule.name))?;
    }
    Ok(())
}

fn check(reports: &[PathBuf], asked: &AskedPolicy) -> Result<Exit, Stopped> {
    let Config { settings, fingerprint_key, .. } =
        configured(asked.config.as_deref(), &asked.settings.0).or_stop(Exit::Usage)?;
    let policy = policy(&settings).or_stop(Exit::Usage)?;
    let folder = current_dir().unwrap_or_default();
    let baselines = settings.baselines.iter().map(|path| baseline(path, &folder, &fingerprint_key));
    let baselines: Vec<_> = baselines.collect::<anyhow::Result<_>>().or_stop(Exit::Usage)?;
    let mut judged = Vec::new();
    for report in reports {
        let mut side = read_report(report, Exit::Usage)?;
        side.remember(&baselines);
        let judgement = side.judge(&policy);
        judged.push((side, judgement));
    }
    let write = |out: &mut dyn Write| match &*asked.format {
        "json" => write_json(out, &judged),
        _ => judged.iter().try_for_each(|(side, judgement)| write_table(out, side, judgement)),
    };
    Output::Stdout.text(write).or_stop(Exit::Failed)?;
    let gaps = judged.iter().map(|(side, _)| side.gaps()).sum();
    Ok(Gate::new(&settings).found_exit(judged.iter().flat_map(|(side, _)| side.found()), gaps))
}

fn write_json(out: &mut dyn Write, judged: &[(Side, Judgement)]) -> io::Result<()> {
    let reports = judged.iter().map(|(side, judgement)| {
        let findings: Vec<&Value> = side.found().iter().map(Found::record).collect();
        json!({ "source": side.source(), "policy": judgement, "gaps": side.gaps(), "findings": findings })
    });
    write_report_json(out, &json!({ "schema": SCHEMA, "reports": reports.collect::<Vec<_>>() }))
}

/// The worst first; each with the rule that decided, and where.
fn write_table(out: &mut dyn Write, side: &Side, judgement: &Judgement) -> io::Result<()> {
    writeln!(out, "{}", printable(side.source()))?;
    for action in Action::ALL {
        let verdicts = side.found().iter().filter_map(|found| Some((found, found.verdict()?)));
        for (found, verdict) in verdicts.filter(|(_, verdict)| verdict.action == action) {
            write_found(out, found, verdict)?;
        }
    }
    let counts = Action::ALL.map(|action| {
        let deciding = judgement.rules.iter().filter(|rule| rule.action == action);
        deciding.map(|rule| rule.findings).sum::<usize>()
    });
    let [fail, warn, pass] = counts;
    let gaps = match side.gaps() {
        0 => String::new(),
        gaps => format!("; not everything was looked at: {gaps} gaps"),
    };
    writeln!(out, "{fail} fail, {warn} warned of, {pass} pass{gaps}")
}

fn write_found(out: &mut dyn Write, found: &Found, verdict: &Verdict) -> io::Result<()> {
    let text = |name: &str| found.record()[name].as_str().unwrap_or_default().to_owned();
    let (name, rule, id) = (text("name"), text("rule"), text("id"));
    let (name, rule, id) = (printable(&name), printable(&rule), printable(&id));
    writeln!(out, "  {:4}  {}  {name}  {rule}  {id}", verdict.action.as_str(), text("severity"))?;
    let at = verdict.at.as_ref().map_or_else(String::new, |at| format!(" ({at})"));
    writeln!(out, "        by {}{}", printable(&verdict.rule), printable(&at))?;
    let place = verdict.places.first().and_then(|index| found.places().get(*index));
    match place {
        Some(place) => writeln!(out, "        for {}", printable(&place.hint())),
        None => Ok(()),
    }
}
