//! Dumps written by Redis itself.

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::content::tests::shown;

/// The dump of a server that ran `commands`, one a line.
fn dump(commands: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let mut server = Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--dbfilename", "dump.rdb", "--unixsocket"])
        .arg(&socket)
        .arg("--dir")
        .arg(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is needed: see tests/install.sh");
    while !socket.exists() {
        assert!(server.try_wait().unwrap().is_none(), "the server does not start");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let mut client = Command::new("redis-cli")
        .arg("-s")
        .arg(&socket)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-cli is needed: see tests/install.sh");
    client
        .stdin
        .take()
        .unwrap()
        .write_all(format!("{commands}\nSAVE\nSHUTDOWN NOSAVE\n").as_bytes())
        .unwrap();
    let said = String::from_utf8(client.wait_with_output().unwrap().stdout).unwrap();
    server.wait().unwrap();
    assert!(!said.contains("ERR"), "{said}");
    std::fs::read(folder.path().join("dump.rdb")).unwrap()
}

fn everything() -> String {
    let long = "a long text that compresses, ".repeat(20);
    let many = (0..300)
        .map(|at| {
            format!(
                "RPUSH many value{at}.\nHSET large f{at} {}{at}.\nSADD set s{at}.\nZADD z {at} z{at}.\n",
                "v".repeat(70)
            )
        })
        .collect::<Vec<_>>()
        .concat();
    format!(
        "SET plain:password hunter2\nSET n 1234567\nSET long \"{long}\"\nEXPIRE plain:password 10000\n\
         HSET user:1 name alice password s3cret pin 4711\nRPUSH list one two -3 70000\nSADD members x y z\nSADD numbers 1 2 3\n\
         ZADD scores 1.5 first 2 second\nXADD log * event login token abcdef\nXGROUP CREATE log group 0\n\
         XREADGROUP GROUP group reader STREAMS log >\n{many}SELECT 3\nSET other value"
    )
}

#[test]
fn every_type_is_shown_with_its_key() {
    let bytes = dump(&everything());
    for piece in [1, 4096] {
        let (shown, ended) = shown(&REDIS, "dump.rdb", &bytes, piece);
        assert_eq!((ended, shown.faults), (Ok(()), vec![]));
        let text = String::from_utf8(shown.parts.into_iter().flat_map(|part| part.1).collect()).unwrap();
        let long = format!("long={}\n", "a long text that compresses, ".repeat(20));
        for line in [
            "password=hunter2\n",
            "n=1234567\n",
            &long,
            "1.password=s3cret\n",
            "1.pin=4711\n",
            "list=-3\n",
            "list=70000\n",
            "members=y\n",
            "scores=second\n",
            "log=token\n",
            "log=abcdef\n",
            "other=value\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        let found = (0..300).filter(|at| {
            [
                format!("many=value{at}.\n"),
                format!("large.f{at}={}{at}.\n", "v".repeat(70)),
                format!("set=s{at}.\n"),
                format!("z=z{at}.\n"),
            ]
            .iter()
            .all(|line| text.contains(line))
        });
        assert_eq!(found.count(), 300);
    }
}

#[test]
fn packed_entries_of_old_versions_are_read() {
    let list =
        [&[0; 10][..], &[0, 3], b"abc", &[5, 0xc0, 0x39, 0x30, 4, 0xf3, 2, 0x40, 2], b"de", &[255]].concat();
    assert_eq!(Packed::Old.entries(&list), [&b"abc"[..], b"12345", b"2", b"de"]);
    let map = [&[1, 3][..], b"key", &[2, 1], b"vv?", &[255]].concat();
    assert_eq!(Packed::Map.entries(&map), [&b"key"[..], b"vv"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3000), lead in any::<u8>()) {
        let _ = shown(&REDIS, "", &[b"REDIS0011".to_vec(), vec![lead, 1, b'k'], bytes].concat(), 100);
    }
}
