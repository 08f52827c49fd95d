//! Which reports one run writes, and where each goes: `--format json=out.json --format table`.
//!
//! What has a file is written there; what has none goes to standard output, or to the file of `--output`. Every file is
//! opened before the scan begins, so that a name that cannot be written to is known at once.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use layersift::findings::Outcome;
use layersift::image::{Dockerfile, Image};
use layersift::problem::{Problem, ProblemKind};
use layersift::report::{FORMATS, Format, ReportOptions, Source, Template};
use layersift::signature::RuleSet;

use super::exit::{Exit, OrStop, Stopped};
use super::output::Output;
use super::settings::Settings;
use super::suppress::{read, shown};
use super::terminal::report_options;

/// A report that was asked for.
#[derive(Clone)]
pub(crate) struct Chosen {
    pub(crate) format: &'static Format,
    /// Its own file.
    pub(crate) file: Option<PathBuf>,
}

impl Chosen {
    /// `json`, or `json=out.json`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, file) = match text.split_once('=') {
            Some((_, "")) => return Err("there is no file behind the `=`".to_owned()),
            Some((name, file)) => (name, Some(file.into())),
            None => (text, None),
        };
        let names = || FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
        let format =
            Format::named(name).ok_or_else(|| format!("there is no such format (one of {})", names()))?;
        Ok(Self { format, file })
    }

    /// The same with its file in `folder`, unless its path is absolute.
    pub(crate) fn rebased(text: &str, folder: &Path) -> String {
        match text.split_once('=') {
            Some((name, file)) if !file.is_empty() => format!("{name}={}", folder.join(file).display()),
            _ => text.to_owned(),
        }
    }
}

/// An opened report.
pub(crate) struct Report {
    format: &'static Format,
    on_stdout: bool,
    output: Output,
}

/// Opens all that were chosen; `output` is the file of the one that has none of its own.
pub(crate) fn open(
    chosen: &[Chosen],
    output: Option<&Path>,
    open: impl Fn(Option<&Path>) -> Result<Output, Stopped>,
) -> Result<Vec<Report>, Stopped> {
    let files = files(chosen, output).or_stop(Exit::Usage)?;
    let report = |(chosen, file): (&Chosen, Option<&Path>)| {
        Ok(Report { format: chosen.format, on_stdout: file.is_none(), output: open(file)? })
    };
    chosen.iter().zip(files).map(report).collect()
}

/// The file of each, where it has one.
fn files<'a>(chosen: &'a [Chosen], output: Option<&'a Path>) -> anyhow::Result<Vec<Option<&'a Path>>> {
    let bare: Vec<_> = chosen.iter().filter(|chosen| chosen.file.is_none()).collect();
    if let [one, other, ..] = bare[..] {
        let (one, other) = (one.format.name, other.format.name);
        return Err(anyhow!(
            "{one} and {other} cannot both go to standard output: give one of them a file, as in --format {other}=FILE"
        ));
    }
    if let (Some(output), []) = (output, &bare[..]) {
        let output = output.display();
        return Err(anyhow!(
            "no report is left for --output {output}: every --format names a file of its own"
        ));
    }
    let files: Vec<_> = chosen.iter().map(|chosen| chosen.file.as_deref().or(output)).collect();
    for (index, file) in files.iter().enumerate() {
        if let Some(file) = file.filter(|_| files[..index].contains(file)) {
            return Err(anyhow!("two reports cannot both be written to {}", file.display()));
        }
    }
    Ok(files)
}

/// Writes them all. Errors were told already if there is nothing to show, and a person needs no table of them.
pub(crate) fn write(
    reports: Vec<Report>,
    outcomes: &[Outcome],
    styles: &Styles,
    nothing_to_show: bool,
) -> anyhow::Result<()> {
    let is_wanted = |report: &Report| !(nothing_to_show && report.on_stdout && report.format.name == "table");
    let write = |Report { format, on_stdout, output }: Report| {
        let options = if on_stdout { &styles.stdout } else { &styles.file };
        output.write(|out| (format.write)(out, outcomes, options))
    };
    // One that cannot be written does not keep the others from it.
    let written: Vec<_> = reports.into_iter().filter(is_wanted).map(write).collect();
    written.into_iter().collect()
}

/// How to write what goes to standard output, and what goes to files.
pub(crate) struct Styles {
    stdout: ReportOptions,
    file: ReportOptions,
}

impl Styles {
    /// As the settings say. Reads what formats need beside the outcome: a template, and the Dockerfile, named as seen
    /// from `folder`.
    pub(crate) fn new(
        settings: &Settings,
        rules: &RuleSet,
        show_secrets: bool,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let [stdout, file] =
            [false, true].map(|to_file| report_options(settings, rules, to_file, show_secrets));
        let mut styles = Self { stdout, file };
        if let Some(path) = &settings.template {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let template = Template::parse(&name, &text(path)?);
            let template = template.with_context(|| path.display().to_string())?;
            styles.all(|options| options.template = Some(template.clone()));
        }
        if let Some(path) = &settings.dockerfile {
            let dockerfile = Dockerfile::parse(&text(path)?).with_context(|| path.display().to_string())?;
            let shown = shown(path, folder).replace('\\', "/");
            let source = Source { path: shown.trim_start_matches("./").to_owned(), dockerfile };
            styles.all(|options| options.dockerfile = Some(source.clone()));
        }
        Ok(styles)
    }

    /// How what goes to files is written.
    pub(crate) fn of_files(self) -> ReportOptions {
        self.file
    }

    /// Changes both.
    pub(crate) fn all(&mut self, change: impl Fn(&mut ReportOptions)) {
        change(&mut self.stdout);
        change(&mut self.file);
    }
}

/// More than any Dockerfile or template has.
const LARGEST: u64 = 4 << 20;

fn text(path: &Path) -> anyhow::Result<String> {
    String::from_utf8(read(path, LARGEST)?)
        .map_err(|_| anyhow!("cannot read {}: it is not UTF-8", path.display()))
}

/// Tells for each image that is not of the Dockerfile that no report names lines of it.
pub(crate) fn tell_other_images(outcomes: &mut [Outcome], styles: &Styles) {
    let Some(source) = &styles.stdout.dockerfile else { return };
    for outcome in outcomes {
        let others = outcome.images.iter().filter(|image| source.dockerfile.lines_of(&image.steps).is_none());
        let notes: Vec<_> = others.map(|image| note(image, &source.path)).collect();
        outcome.problems.extend(notes);
        outcome.problems.sort();
    }
}

fn note(image: &Image, path: &str) -> Problem {
    let name = image.names.first().cloned();
    let digest = image.manifest.or(image.config).map(|digest| digest.to_string());
    let message = format!("its history is not that of {path}, so no line of it is named");
    let remedy = "give the Dockerfile as it was when the image was built";
    Problem::new(ProblemKind::Note, name.or(digest).unwrap_or_default(), message, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(texts: &[&str], output: Option<&str>) -> Result<Vec<Option<String>>, String> {
        let chosen: Vec<_> = texts.iter().map(|text| Chosen::parse(text).unwrap()).collect();
        let files = files(&chosen, output.map(Path::new)).map_err(|error| error.to_string())?;
        Ok(files.into_iter().map(|file| file.map(|file| file.display().to_string())).collect())
    }

    #[test]
    fn each_goes_to_its_own_file_and_one_to_standard_output() {
        let file = |name: &str| Some(name.to_owned());
        assert_eq!(shown(&["json=a.json", "table"], None), Ok(vec![file("a.json"), None]));
        assert_eq!(shown(&["json=a=b.json", "table"], Some("c")), Ok(vec![file("a=b.json"), file("c")]));
        assert_eq!(shown(&["json=a.json"], None), Ok(vec![file("a.json")]));
    }

    #[test]
    fn what_would_overwrite_another_is_refused() {
        insta::assert_snapshot!(shown(&["json", "jsonl"], None).unwrap_err(), @"json and jsonl cannot both go to standard output: give one of them a file, as in --format jsonl=FILE");
        insta::assert_snapshot!(shown(&["json=a"], Some("b")).unwrap_err(), @"no report is left for --output b: every --format names a file of its own");
        insta::assert_snapshot!(shown(&["json=a", "table=a"], None).unwrap_err(), @"two reports cannot both be written to a");
        insta::assert_snapshot!(shown(&["json=a", "table"], Some("a")).unwrap_err(), @"two reports cannot both be written to a");
        assert!(
            Chosen::parse("json=").is_err() && Chosen::parse("xml").is_err() && Chosen::parse("").is_err()
        );
    }

    #[test]
    fn a_file_belongs_to_a_folder() {
        assert_eq!(Chosen::rebased("json=a.json", Path::new("/ci")), "json=/ci/a.json");
        assert_eq!(Chosen::rebased("json=/a.json", Path::new("/ci")), "json=/a.json");
        assert_eq!(Chosen::rebased("json", Path::new("/ci")), "json");
    }
}
