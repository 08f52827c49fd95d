use proptest::prelude::*;

use super::*;
use crate::content::tests::{run, shown};

const SOURCE: &str = r#"
import java.util.Map;
class Made {
    static final String DB_PASSWORD = "made-up-value-1";
    static String token = "made-up-value-2";
    String apiKey = "made-up-value-3";
    @interface Note { String text(); }
    @Note(text = "made-up-value-4")
    void set(Map<String, String> map, java.util.Properties properties, int which) throws Exception {
        map.put("password", "made-up-value-5");
        switch (which) { case 1: case 2: which = 3; break; case 7000: which++; }
        String pass = "made-up-value-6";
        java.sql.DriverManager.getConnection("jdbc:x:" + which, "crm", "made-up-value-7");
        new Thread("made-up-value-8").start();
        System.out.println(pass + "made-up-value-9" + "\nsecond line " + which);
        token = which > 3 ? "made-up-value-a" : "made-up-value-b";
    }
}
"#;

fn compile(options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Made.java"), SOURCE).unwrap();
    run(folder.path(), "default-jdk-headless", &[&["javac"], options, &["Made.java"]].concat());
    std::fs::read(folder.path().join("Made.class")).unwrap()
}

fn text(bytes: &[u8], piece: usize) -> String {
    let (shown, ended) = shown(&CLASS, "Made.class", bytes, piece);
    assert_eq!((ended, shown.faults.len()), (Ok(()), 0));
    assert_eq!(shown.parts.len(), 1);
    assert_eq!(shown.parts[0].0, "(class)");
    String::from_utf8(shown.parts[0].1.clone()).unwrap()
}

#[test]
fn strings_stand_with_the_names_that_they_go_to() {
    for options in [&["-g"][..], &["-g", "--release", "8"]] {
        let bytes = compile(options);
        let text = text(&bytes, 4096);
        let lines: Vec<&str> = text.lines().collect();
        for line in [
            r#"DB_PASSWORD = "made-up-value-1""#,
            r#"token = "made-up-value-2""#,
            r#"apiKey = "made-up-value-3""#,
            "made-up-value-4",
            r#"put("password", "made-up-value-5")"#,
            r#"pass = "made-up-value-6""#,
            r#"getConnection(_, "crm", "made-up-value-7")"#,
            r#"Thread("made-up-value-8")"#,
            "second line \u{1}",
            "made-up-value-a",
            r#"token = "made-up-value-b""#,
        ] {
            let known = lines.contains(&line) || (line.starts_with("second") && text.contains("second line"));
            assert!(known, "{line} in\n{text}");
        }
        assert!(text.contains("made-up-value-9"), "{text}");
        assert!(!lines.contains(&"Code") && !lines.contains(&"Made"), "{text}");
        assert_eq!(text, self::text(&bytes, 1));
    }
}

#[test]
fn what_is_cut_off_is_told_after_what_is_there() {
    let bytes = compile(&["-g"]);
    let (whole, _) = shown(&CLASS, "", &bytes, 512);
    let (part, ended) = shown(&CLASS, "", &bytes[..bytes.len() / 3], 512);
    assert_eq!(ended.unwrap_err().kind, crate::content::FaultKind::Damaged);
    assert!(part.parts[0].1.len() < whole.parts[0].1.len());
    // Behind the pool there are only names.
    let (shown, ended) = shown(&CLASS, "", &bytes[..bytes.len() - 2], 512);
    assert_eq!(ended, Ok(()));
    assert!(String::from_utf8_lossy(&shown.parts[0].1).contains("made-up-value-6"));
}

#[test]
fn a_fat_executable_is_no_class() {
    assert!(!is_class(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2, 1, 0, 0, 7]));
    assert!(is_class(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52, 0, 3]));
    assert!(is_class(&[0xca, 0xfe, 0xba, 0xbe, 0xff, 0xff, 0, 65, 0, 3]));
}

#[test]
fn no_change_of_a_byte_makes_it_panic() {
    let bytes = compile(&["-g"]);
    for at in 8..bytes.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = value;
            let _ = shown(&CLASS, "", &changed, 4096);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52, 0, 9][..], &bytes].concat();
        let _ = shown(&CLASS, "", &bytes, 7);
    }
}
