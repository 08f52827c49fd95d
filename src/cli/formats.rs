//! Which reports one run writes, and where each goes: `--format json=out.json --format table`.
//!
//! What has a file is written there; what has none goes to standard output, or to the file of `--output`. Every file is
//! opened before the scan begins, so that a name that cannot be written to is known at once.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use layersift::findings::Outcome;
use layersift::report::{FORMATS, Format, ReportOptions};

use super::exit::{Exit, OrStop, Stopped};
use super::output::Output;

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
    /// Whether it goes to standard output.
    pub(crate) on_stdout: bool,
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

impl Report {
    /// Whether it is a table on standard output.
    pub(crate) fn is_table_on_stdout(&self) -> bool {
        self.on_stdout && self.format.name == "table"
    }

    /// Writes it.
    pub(crate) fn write(self, outcomes: &[Outcome], options: &ReportOptions) -> anyhow::Result<()> {
        self.output.write(|out| (self.format.write)(out, outcomes, options))
    }
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
