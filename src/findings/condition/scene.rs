//! What a condition looks at: a finding, one of its places, and the images that places are in.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::table::day;
use crate::findings::suppress::Known;
use crate::findings::{Finding, Origin, Place};
use crate::image::{BaseFrom, Image, Platform};
use crate::signature::{Confidence, Severity};

/// Images say many days of which none can be: reproducible builds write 1970 or 1980. Before this one there were no
/// images.
const FIRST_IMAGES: &str = "2013-01-01";

/// What is known of a finding, of this scan or of a report.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s> {
    /// Id of the rule.
    pub rule: &'s str,
    /// Who issues such credentials.
    pub provider: &'s str,
    /// All digits.
    pub fingerprint: &'s str,
    /// How bad a leak of it is.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// What a baseline says of it.
    pub known: Option<&'s Known>,
}

impl<'s> Subject<'s> {
    /// That of a finding, whose fingerprint is `fingerprint`.
    pub fn of(finding: &'s Finding, fingerprint: &'s str) -> Self {
        Self {
            rule: &finding.rule,
            provider: &finding.provider,
            fingerprint,
            severity: finding.severity,
            confidence: finding.confidence,
            known: finding.known.as_ref(),
        }
    }
}

/// What a condition looks at.
pub(in super::super) struct Scene<'s> {
    pub(in super::super) subject: Subject<'s>,
    /// None for a finding that has no place.
    pub(in super::super) place: Option<&'s Place>,
    pub(in super::super) images: &'s Images<'s>,
    pub(in super::super) today: Date,
}

impl Scene<'_> {
    /// All names of the image of a place; none if it has none.
    pub(super) fn image_names(&self, place: &Place) -> &[&str] {
        let names = place.image.as_deref().and_then(|first| self.images.names.get(first));
        names.map_or(&[], Vec::as_slice)
    }

    /// The day on which the image of the place was built, as it says.
    pub(super) fn created(&self) -> Option<Date> {
        self.images.fact(self.place?)?.created
    }

    /// Whose the place is. What an image says of its own base excuses nothing, so only a base that was named counts.
    pub(super) fn origin(&self) -> Origin {
        let given = |place: &&Place| self.images.fact(place).is_some_and(|fact| fact.base_given);
        let place = self.place.filter(|place| place.origin == Some(Origin::Base));
        place.filter(given).map_or(Origin::Own, |_| Origin::Base)
    }

    /// Whether that day was so many days ago, or earlier.
    pub(super) fn days_since(&self, day: Option<Date>, days: usize) -> bool {
        let passed = day.and_then(|day| day.until(self.today).ok()).map(|span| span.get_days());
        passed.is_some_and(|passed| usize::try_from(passed).is_ok_and(|passed| passed >= days))
    }
}

/// What is known of the images that places are in.
#[derive(Debug, Default)]
pub struct Images<'i> {
    /// All names of each image by the first of them, which is the one that places have.
    names: BTreeMap<&'i str, Vec<&'i str>>,
    facts: BTreeMap<(Option<&'i str>, Option<&'i Platform>), Fact>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fact {
    created: Option<Date>,
    base_given: bool,
}

/// Whether a name without its digest ends with a tag; a port stands before the last `/`.
fn is_tagged(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|last| last.contains(':'))
}

impl<'i> Images<'i> {
    /// Of these.
    pub fn new(images: &'i [Image]) -> Self {
        let mut all = Self::default();
        for image in images {
            if let Some(first) = image.names.first() {
                // One that is named by tag and digest is meant by the tag too.
                let tagged =
                    |name: &'i String| Some(name.split_once('@')?.0).filter(|tagged| is_tagged(tagged));
                let names = image.names.iter().flat_map(|name| [Some(name.as_str()), tagged(name)]);
                all.names.entry(first).or_default().extend(names.flatten());
            }
            let created = image.created.as_deref().and_then(|created| day(created.get(..10)?));
            let fact = Fact {
                created: created.filter(|created| Some(*created) >= day(FIRST_IMAGES)),
                base_given: image.base.as_ref().is_some_and(|base| base.from == BaseFrom::Given),
            };
            let key = (image.names.first().map(String::as_str), image.platform.as_ref());
            // Of two that cannot be told apart, what counts is what both say.
            let both = |known: &mut Fact| {
                known.created = known.created.filter(|created| fact.created == Some(*created));
                known.base_given &= fact.base_given;
            };
            all.facts.entry(key).and_modify(both).or_insert(fact);
        }
        all
    }

    fn fact(&self, place: &Place) -> Option<Fact> {
        self.facts.get(&(place.image.as_deref(), place.platform.as_ref())).copied()
    }
}
