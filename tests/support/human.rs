//! Secrets as people choose them and as programs make them, composed from word lists and a seed when a test runs.
//!
//! A kind is one way of making a value. A set is a name for the kinds that fit a place: whatever can stand between
//! quotes, in a URL, behind a blank.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use layersift::signature::template::expand;

use super::noise::Noise;

const WORDS: &[&str] = &[
    "falcon", "harbor", "copper", "meadow", "rocket", "thunder", "velvet", "walnut", "pepper", "marble",
    "tiger", "granite", "lantern", "orchid", "pirate", "saddle", "violet", "whisky", "zephyr", "biscuit",
    "cobalt", "dolphin", "ember", "fiddle", "glacier", "hornet", "jasper", "kettle", "lobster", "magnet",
    "nectar", "oyster", "panther", "quartz", "raven", "salmon", "trumpet", "umbrella", "vulture", "wizard",
    "badger", "cactus", "daisy", "engine", "forest", "goblin", "hammer", "island", "jungle", "knight",
    "lemon", "mirror", "needle", "office", "planet", "rabbit", "silver", "temple", "window", "yellow",
    "anchor", "butter", "castle", "dragon", "coffee", "soccer",
];
const NAMES: &[&str] = &[
    "Summer", "Winter", "Spring", "Autumn", "March", "October", "December", "Monday", "Friday", "Berlin",
    "Lisbon", "Chicago", "Madrid", "Oslo", "Hannah", "Oliver", "Martin", "Sophie", "Jessica", "Robert",
    "Bayern", "Arsenal", "Yankees", "Ferrari", "Porsche", "Contoso", "Fabrikam", "Welcome", "Start",
    "Sommer", "Herbst", "Verano",
];
const FOREIGN: &[&str] =
    &["Kühlschrank", "Brücke", "Señorita", "Łódź", "снежинка", "медведь", "東京タワー", "Ørsted", "crème"];

/// The kinds of a set, or of the one kind that is called so.
pub(crate) fn kinds(set: &str, quoted: bool) -> Vec<&str> {
    let mut kinds = match set {
        "pw" | "pw-xml" | "pw-noscolon" | "pw-yaml" => {
            vec!["season", "worddig", "leet", "phrase", "special", "gen12", "gen16"]
        }
        "pw-plain" => vec!["season", "worddig", "leet", "phrase", "gen12", "gen16"],
        "key" => vec!["hex32", "hex64", "b64", "url43", "uuid", "gen32"],
        "key-url" => vec!["hex32", "url43", "uuid", "gen32"],
        "any" => vec!["season", "phrase", "special", "gen32", "hex64"],
        "url" => vec!["season", "worddig", "phrase", "gen16", "hex32", "percent"],
        one => vec![one],
    };
    if quoted && set == "pw" {
        kinds.extend(["spaces", "unicode"]);
    }
    kinds
}

/// A value of `kind`, the same for the same seed.
pub(crate) fn value(kind: &str, seed: &str) -> String {
    let mut dice = Dice(Noise::new(seed));
    let dice = &mut dice;
    match kind {
        "season" => {
            format!("{}{}{}", dice.of(NAMES), 2015 + dice.below(12), dice.of(&["!", "@", "*", "", "!!"]))
        }
        "season-plain" => format!("{}{}{}", dice.of(NAMES), dice.of(WORDS), 2015 + dice.below(12)),
        "worddig" => format!("{}{}", dice.of(WORDS), 10 + dice.below(9000)),
        "leet" => leet(dice),
        "phrase" => {
            let join = dice.of(&["-", "_", ".", "-"]);
            let words: Vec<&str> = (0..3 + dice.below(2)).map(|_| dice.of(WORDS)).collect();
            words.join(join)
        }
        "spaces" => {
            let words: Vec<&str> = (0..4).map(|_| dice.of(WORDS)).collect();
            format!("{} {}", words.join(" "), dice.below(100))
        }
        "unicode" => format!("{}{}{}", dice.of(FOREIGN), dice.of(&["-", "_", "!"]), 10 + dice.below(9000)),
        "special" => format!(
            "{}{}",
            dice.text("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ", 2),
            special(dice, 12)
        ),
        "percent" => {
            format!("{}%{}{}", dice.text(ALNUM, 6), dice.of(&["40", "23", "21", "2F"]), dice.text(ALNUM, 6))
        }
        "license" => {
            (0..4).map(|_| dice.text("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 5)).collect::<Vec<_>>().join("-")
        }
        "django" => dice.text("abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)", 50),
        "wpsalt" => dice.text(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!@#$%^&*()-_[]{}<>~+=,.;:/?|",
            64,
        ),
        "basic" => STANDARD.encode(format!("robot:{}{}", dice.of(WORDS), 1000 + dice.below(9000))),
        _ => expand(template(kind), seed),
    }
}

const ALNUM: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

fn template(kind: &str) -> &'static str {
    match kind {
        "gen12" => "{base62:12}",
        "gen16" => "{base62:16}",
        "gen20" => "{base62:20}",
        "gen24" => "{base62:24}",
        "gen32" => "{base62:32}",
        "gen40" => "{base62:40}",
        "gen64" => "{base62:64}",
        "hex32" => "{hex:32}",
        "hex40" => "{hex:40}",
        "hex64" => "{hex:64}",
        "hex128" => "{hex:128}",
        "b64" => "{base64:43}=",
        "sas" => "{base62:20}%2B{base62:22}%3D",
        "openssh" => "{pem:openssh}",
        "b64-400" => "{base64:400}",
        "b64-40" => "{base64:40}",
        "b64-64" => "{base64:86}==",
        "url43" => "{base64url:43}",
        "uuid" => "{uuid}",
        "base32" => "{base32:16}",
        "base32-32" => "{base32:32}",
        _ => panic!("no kind of secret is called {kind}"),
    }
}

/// A word or two with some letters replaced, a sign and digits.
fn leet(dice: &mut Dice) -> String {
    let letters = format!("{}{}", dice.of(WORDS), dice.of(WORDS));
    let swapped = letters.chars().enumerate().map(|(at, letter)| match letter {
        'a' if at % 2 == 1 => '@',
        'e' => '3',
        'o' => '0',
        'i' if at % 2 == 0 => '1',
        's' if at > 0 => '5',
        _ if at == 0 => letter.to_ascii_uppercase(),
        _ => letter,
    });
    format!("{}{}{}", swapped.collect::<String>(), dice.of(&["!", "_", ".", "-"]), dice.below(100))
}

/// Letters, digits and signs, with at least two signs.
fn special(dice: &mut Dice, length: usize) -> String {
    let signs = "!@%^*+=?_-.,~";
    let mut text = dice.text(&format!("{ALNUM}{signs}"), length - 2);
    text.insert_str(3, &dice.text("!%^*+?~", 2));
    // A sign at the end is a full stop, or half of an escape, as often as it is part of the password.
    text.pop();
    text + &dice.text(ALNUM, 1)
}

/// Choices that follow from a seed.
struct Dice(Noise);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        let mut byte = || usize::from(self.0.next().expect("noise has no end"));
        (byte() << 16 | byte() << 8 | byte()) % bound
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let letters = alphabet.as_bytes();
        (0..length).map(|_| char::from(letters[self.below(letters.len())])).collect()
    }
}
